import { readdir, readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { TOOLS } from '../../mcp-server/tools/index.ts';
import { connected, type ListedTool } from '../support/mcp-clients.ts';
import { testServer } from '../support/server.ts';

const LINES_MAX = 130;
const DESCRIPTION_MAX = 400; // every agent with the skill pays for it in every conversation
const SKILLS = (await readdir('skills', { withFileTypes: true })).filter((entry) => entry.isDirectory()).map(({ name }) => name);
const USE_CASES = SKILLS.filter((name) => name !== 'tilesight');

interface Skill {
  text: string;
  head: string;
  /** Plain blocks hold calls, one a line; JSON blocks hold a call with its answer. */
  calls: { tool: string; args: unknown }[];
  /** Names in running text. */
  spans: string[];
}

async function skillOf(name: string): Promise<Skill> {
  const text = await readFile(`skills/${name}/SKILL.md`, 'utf8');
  const [, head = '', body = ''] = text.match(/^---\n(.*?)\n---\n(.*)$/s) ?? [];
  const blocks = (kind: string) =>
    [...body.matchAll(/^```(\w*)\n(.*?)^```$/gms)].flatMap(([, language, block = '']) => (language === kind ? [block] : []));
  const plain = blocks('').flatMap((block) => block.trim().split('\n'));
  const shown = blocks('json').map((block) => Example.parse(JSON.parse(block)));
  return {
    text,
    head,
    calls: [
      ...plain.map((call) => {
        const [, tool = '', args = ''] = call.match(/^(\w+) (\{.*\})$/) ?? [];
        return { tool, args: JSON.parse(args) };
      }),
      ...shown.map(({ tool, arguments: args }) => ({ tool, args })),
    ],
    spans: [...body.replace(/^```.*?^```$/gms, '').matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span),
  };
}

const Example = z.looseObject({ tool: z.string(), arguments: z.looseObject({}) });

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

/** Parameters, fields and values of all tools. */
function wordsOfTools(): Set<string> {
  const schemas = TOOLS.flatMap(({ input, output }): z.ZodObject[] => (output ? [input, output] : [input])); // the list has only one level of them
  return new Set([...TOOLS.map(({ name }) => name), ...schemas.flatMap((schema) => wordsOf(z.toJSONSchema(schema)))]);
}

describe.each(SKILLS)('the skill %s', (name) => {
  test('is short, and has front matter that agents search', async () => {
    const { head, text } = await skillOf(name);
    const Head = z.strictObject({ name: z.literal(name), description: z.string().max(DESCRIPTION_MAX) });
    expect(Head.parse(parse(head)).description).toMatch(/\bUse when\b/);
    expect(text.split('\n').length).toBeLessThan(LINES_MAX);
  });

  test('names only existing parameters and values', async () => {
    const { spans } = await skillOf(name);
    const named = spans.filter((span) => /^\w+$/.test(span));
    const words = wordsOfTools();
    expect(named.length).toBeGreaterThan(name === 'tilesight' ? 50 : 5);
    expect(named.filter((span) => !words.has(span))).toEqual([]);
  });

  test('shows valid calls', async () => {
    const { calls } = await skillOf(name);
    const tools = await listed();
    const ajv = new Ajv2020({ strict: false });
    expect(calls.length).toBeGreaterThanOrEqual(3);
    for (const { tool: toolName, args } of calls) {
      const tool = tools.find((one) => one.name === toolName);
      const call = `${toolName} ${JSON.stringify(args)}`;
      expect(tool, call).toBeDefined();
      expect(ajv.validate(tool?.inputSchema ?? false, args), `${call}: ${ajv.errorsText()}`).toBe(true);
    }
  });
});

test('the main skill names every tool, shows more than five calls, and links to every use case', async () => {
  const { spans, calls, text } = await skillOf('tilesight');
  expect((await listed()).map(({ name }) => name).filter((name) => !spans.includes(name))).toEqual([]);
  expect(calls.length).toBeGreaterThan(5);
  for (const name of USE_CASES) expect(text).toContain(`[${name}](../${name}/SKILL.md)`);
});

test('the README and the page on installing count the skills as they are', async () => {
  const words = ['five', 'six', 'seven', 'eight', 'nine', 'ten'];
  const all = words[SKILLS.length - 5];
  const forOneTask = words[SKILLS.length - 6];
  expect(await readFile('README.md', 'utf8')).toContain(`one for all tools, and ${forOneTask} for one task each`);
  const install = await readFile('docs/install.md', 'utf8');
  expect(install.match(/the server and \w+ skills/g)).toEqual([`the server and ${all} skills`, `the server and ${all} skills`]);
  expect(install).toContain(`${forOneTask} steering files`);
});
