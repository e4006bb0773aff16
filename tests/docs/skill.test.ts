import { readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { TOOLS } from '../../mcp-server/tools/index.ts';
import { connected, type ListedTool } from '../support/mcp-clients.ts';
import { testServer } from '../support/server.ts';

const LINES_MAX = 120;
const text = await readFile('skills/tilesight/SKILL.md', 'utf8');
const [, head = '', body = ''] = text.match(/^---\n(.*?)\n---\n(.*)$/s) ?? [];
const blocks = [...body.matchAll(/^```\n(.*?)^```$/gms)].map(([, block = '']) => block);
const calls = blocks.flatMap((block) => block.trim().split('\n'));
const spans = [...body.replace(/^```.*?^```$/gms, '').matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);

/** Every property name and enum value of a schema, at any depth. */
function wordsOf(schema: unknown): string[] {
  if (Array.isArray(schema)) return schema.flatMap(wordsOf);
  if (typeof schema !== 'object' || schema === null) return [];
  const { properties = {}, enum: fixed = [] } = schema as { properties?: object; enum?: unknown[] };
  const own = [...Object.keys(properties), ...fixed.filter((word) => typeof word === 'string')];
  return [...own, ...Object.values(schema).flatMap(wordsOf)];
}

async function listed(): Promise<ListedTool[]> {
  return await (await connected('2.x pinned to 2026-07-28', await testServer())).listTools();
}

describe('the skill', () => {
  test('is short, and has front matter that agents search', () => {
    const Head = z.strictObject({ name: z.literal('tilesight'), description: z.string().max(1_024) });
    expect(Head.parse(parse(head)).description).toMatch(/\bUse when\b/);
    expect(text.split('\n').length).toBeLessThan(LINES_MAX);
  });

  test('names every tool, and only existing parameters and values', async () => {
    const tools = await listed();
    const names = tools.map(({ name }) => name);
    expect(names.filter((name) => !spans.includes(name))).toEqual([]);
    const schemas = TOOLS.flatMap(({ input, output }) => (output ? [input, output] : [input])); // the list has only one level of them
    const words = new Set([...names, ...schemas.flatMap((schema) => wordsOf(z.toJSONSchema(schema)))]);
    const named = spans.filter((span) => /^\w+$/.test(span));
    expect(named.length).toBeGreaterThan(50);
    expect(named.filter((span) => !words.has(span))).toEqual([]);
  });

  test('shows valid calls', async () => {
    const tools = await listed();
    const ajv = new Ajv2020({ strict: false });
    expect(calls.length).toBeGreaterThan(5);
    for (const call of calls) {
      const [, name = '', args = ''] = call.match(/^(\w+) (\{.*\})$/) ?? [];
      const tool = tools.find((one) => one.name === name);
      expect(tool, call).toBeDefined();
      expect(ajv.validate(tool?.inputSchema ?? false, JSON.parse(args)), `${call}: ${ajv.errorsText()}`).toBe(true);
    }
  });
});
