// docs/tools.md, and the lists of tools in the README and the skill, are those of the registry, whatever the code becomes.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { rowsOf } from '../../build/docs/schema-rows.ts';
import { TOOLS } from '../../mcp-server/tools/index.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const PAGE = read('docs/tools.md');
const sectionOf = (name: string) => PAGE.split(`\n## ${name}\n`)[1]?.split('\n## ')[0] ?? '';

test('the page and the lists are not stale', async () => {
  const check = promisify(execFile)(process.execPath, ['build/docs/tools-page.ts', '--check'], { cwd: ROOT });
  expect(await check).toMatchObject({ stderr: '' });
});

describe.each(TOOLS.map((tool) => [tool.name, tool] as const))('%s', (name, { title, description, input, output }) => {
  test('has its purpose, every parameter and every answer field on the page', () => {
    const section = sectionOf(name);
    expect(section).toContain(`**${title}.** ${description}`);
    for (const parameter of Object.keys(input.shape)) expect(section).toContain(`| \`${parameter}\` `);
    for (const field of Object.keys(output?.shape ?? {})) expect(section).toContain(`| \`${field}\` `);
  });

  test('is named in the README and in the skill', () => {
    expect(read('README.md')).toContain(`| \`${name}\` `);
    expect(read('skills/tilesight/SKILL.md')).toContain(`\`${name}\``);
  });
});

test('a row has the type, the default, the limits and the meaning of a field, however deep', () => {
  const schema = z.object({
    size: z.number().int().min(1).max(1_000).default(5).describe('How large.'),
    kind: z.enum(['a', 'b']).nullable(),
    names: z.array(z.string().max(9)).min(2).optional(),
    boxes: z.array(z.object({ box: z.tuple([z.number().nonnegative(), z.number().nonnegative()]) })),
  });
  const none = { fallback: null, limits: '', description: null };
  expect(rowsOf(z.toJSONSchema(schema, { io: 'input' }))).toEqual([
    { path: 'size', type: 'integer', fallback: '5', required: false, limits: '1 to 1,000', description: 'How large.' },
    { ...none, path: 'kind', type: '`a`, `b` or null', required: true },
    { ...none, path: 'names', type: 'list of string', required: false, limits: 'from 2 items; each at most 9 characters' },
    { ...none, path: 'boxes', type: 'list of object', required: true },
    { ...none, path: 'boxes[].box', type: '2 numbers', required: true, limits: 'each from 0' },
  ]);
});

test('lists of boxes and of free records have a type and limits in plain words', () => {
  const schema = z.object({
    boxes: z.array(z.tuple([z.number().min(0), z.number().min(0)])).max(12),
    rows: z.array(z.record(z.string(), z.unknown())),
  });
  expect(rowsOf(z.toJSONSchema(schema)).map(({ type, limits }) => [type, limits])).toEqual([
    ['list of 2 numbers', 'at most 12 items; each from 0'],
    ['list of object', ''],
  ]);
});

test('next_tiles answers with several images, and the page says so', () => {
  expect(sectionOf('next_tiles')).toContain('for each tile a line with its id and size and its image');
});
