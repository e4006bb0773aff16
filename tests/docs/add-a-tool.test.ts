// Follows docs/contributing/add-a-tool.md on a copy of the repository, and calls the tool that it adds.
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { TOOLS } from '../../mcp-server/tools/index.ts';
import { temporaryFolder } from '../support/folder.ts';
import { followGuide, scratchRepository } from '../support/guide-walk.ts';
import { liveServer } from '../support/live-server.ts';
import { connected } from '../support/mcp-clients.ts';
import { Started } from '../support/tool-calls.ts';

const GUIDE = 'docs/contributing/add-a-tool.md';
const FILE = 'mcp-server/tools/get-plan.ts';

/** The exit code and the output of a program of the copy. */
async function ran(root: string, program: string, ...args: string[]): Promise<{ code: number; output: string }> {
  const Failure = z.object({ code: z.number(), stdout: z.string(), stderr: z.string() });
  return await promisify(execFile)(process.execPath, [join(root, program), ...args], { cwd: root }).then(
    ({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
    (error: unknown) => {
      const { code, stdout, stderr } = Failure.parse(error);
      return { code, output: stdout + stderr };
    },
  );
}

/** The copy in which the guide was followed, and the files that it touched. */
async function copyAfterGuide(): Promise<{ root: string; touched: string[] }> {
  const root = await scratchRepository();
  return { root, touched: followGuide(GUIDE, root) };
}

async function changeTool(root: string, from: string, to: string): Promise<void> {
  const text = await readFile(join(root, FILE), 'utf8');
  expect(text.split(from)).toHaveLength(2);
  await writeFile(join(root, FILE), text.replace(from, to));
}

const isolationTests = (root: string) =>
  ran(root, 'node_modules/vitest/vitest.mjs', 'run', 'tests/server/isolation.test.ts', '-t', 'get_plan');

describe('a copy of the repository after the guide', { timeout: 240_000 }, () => {
  test('has one new file and one change, and compiles', async () => {
    const { root, touched } = await copyAfterGuide();
    expect(touched).toEqual([FILE, 'mcp-server/tools/index.ts']);
    const toolsOnly = { extends: './tsconfig.json', include: ['mcp-server/tools'] };
    await writeFile(join(root, 'tsconfig.tools.json'), JSON.stringify(toolsOnly));
    expect(await ran(root, 'node_modules/typescript/bin/tsc', '-p', 'tsconfig.tools.json')).toEqual({ code: 0, output: '' });
  });

  test('serves the tool: a client lists it last, calls it, and gets a sentence for an unknown execution', async () => {
    const { root } = await copyAfterGuide();
    const { origin } = await liveServer(await temporaryFolder(), 0, root);
    const here = (url: string | URL, init?: RequestInit) => fetch(new URL(new URL(url).pathname, origin), init);
    const client = await connected('2.x pinned to 2026-07-28', { fetch: here });
    expect((await client.listTools()).map(({ name }) => name)).toEqual([...TOOLS.map(({ name }) => name), 'get_plan']);

    const image = pathToFileURL(join(root, 'examples/lawn.jpg')).href;
    const wishes = { image, region: [1_600, 1_500, 640, 480] };
    const { plan } = await client.call('analyze_image', { ...wishes, dry_run: true }, Started);
    const { execution_id } = await client.call('analyze_image', wishes, Started);
    const Plan = z.object({ execution_id: z.string(), width: z.number(), height: z.number(), tiles: z.number() });
    await expect
      .poll(() => client.call('get_plan', { execution_id }, Plan).catch(String), { timeout: 60_000 })
      .toEqual({ execution_id, width: 6_000, height: 4_000, tiles: plan?.tiles });
    expect(await client.refusal('get_plan', { execution_id: 'unknown' })).toMatch(/^This server has no execution unknown\./);
    expect(await client.refusal('get_plan', {})).toMatch(/^Invalid arguments for get_plan: execution_id /);
  });

  test('has the tool in the generated pages, which are stale before', async () => {
    const { root } = await copyAfterGuide();
    expect(await ran(root, 'build/docs/tools-page.ts', '--check')).toMatchObject({ code: 1 });
    expect(await ran(root, 'build/docs/tools-page.ts')).toMatchObject({ code: 0 });
    expect(await ran(root, 'build/docs/tools-page.ts', '--check')).toEqual({ code: 0, output: '' });
    const read = (path: string) => readFile(join(root, path), 'utf8');
    expect(await read('docs/tools.md')).toMatch(/^## get_plan\n\n\*\*Get the tile plan of an analysis\.\*\* Use this to /m);
    expect(await read('README.md')).toMatch(/^\| `get_plan` +\| Get the tile plan of an analysis +\|$/m);
    expect(await read('skills/tilesight/SKILL.md')).toContain('`get_plan`');
  });

  test('reports the cost of the tool, and fails over the budget', async () => {
    const { root } = await copyAfterGuide();
    const { code, output } = await ran(root, 'build/tool-tokens.ts');
    expect([code, output]).toEqual([0, expect.stringMatching(/^\| get_plan +\| \d+ /m)]);
    await changeTool(root, "title: 'Get the tile plan", `title: '${'Get the tile plan '.repeat(200)}`);
    expect(await ran(root, 'build/tool-tokens.ts')).toMatchObject({
      code: 1,
      output: expect.stringContaining('over its budget'),
    });
  });

  test('has isolation cases for the tool, which fail if it does not declare its argument', async () => {
    const { root } = await copyAfterGuide();
    expect(await isolationTests(root)).toMatchObject({ code: 0, output: expect.stringMatching(/3 passed/) });
    await changeTool(root, "owned: { execution_id: 'execution' }", 'owned: {}');
    const { code, output } = await isolationTests(root);
    expect([code, output]).toEqual([1, expect.stringContaining('declares every argument that names something with an owner')]);
  });
});
