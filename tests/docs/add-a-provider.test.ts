// Follows docs/contributing/add-a-provider.md on a copy of the repository, and analyzes an image with the provider that it adds.
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { FindingsDocument } from '../../pipeline/contract/schemas.ts';
import { temporaryFolder } from '../support/folder.ts';
import { followGuide, scratchRepository } from '../support/guide-walk.ts';

const GUIDE = 'docs/contributing/add-a-provider.md';
const FACTORIES = 'pipeline/vision/providers.ts';
/** What the guide touches, and what it imports. */
const COMPILED = {
  extends: './tsconfig.json',
  include: ['pipeline/vision', 'pipeline/providers', 'tests/contract/vision-contract.test.ts'],
};

test('the guide adds a provider with one new file and three changes', { timeout: 240_000 }, async () => {
  const root = await scratchRepository();
  const run = async (...args: string[]) =>
    stripVTControlCharacters((await promisify(execFile)(process.execPath, args, { cwd: root })).stdout);
  expect(followGuide(GUIDE, root)).toEqual([
    'pipeline/vision/echo-vision.ts',
    'pipeline/providers/provider-registry.ts',
    FACTORIES,
    'tests/contract/vision-contract.test.ts',
  ]);
  await writeFile(join(root, 'tsconfig.provider.json'), JSON.stringify(COMPILED));
  const compile = () => run('node_modules/typescript/bin/tsc', '-p', 'tsconfig.provider.json');
  expect(await compile()).toBe('');

  const contract = await run('node_modules/vitest/vitest.mjs', 'run', 'tests/contract/vision-contract.test.ts', '-t', 'echo:');
  expect(contract).toMatch(/Tests +6 passed/);

  await run('build/docs/configuration-page.ts');
  const page = await readFile(join(root, 'docs/configuration.md'), 'utf8');
  expect(page).toMatch(
    /^\| `echo:` +\| `echo:tile` reports every tile as one detection, to try out a pipeline\. +\| Nothing\. +\|$/m,
  );

  const out = await temporaryFolder();
  // biome-ignore lint/style/noProcessEnv: a child starts from this process's environment.
  const env = { ...process.env, DETECTION_MODELS: 'echo:tile', LOG_LEVEL: 'silent' };
  const args = [join(root, 'cli/tilesight.ts'), 'analyze', 'examples/lawn.jpg', '--region', '0,0,1200,900', '--out', out];
  await promisify(execFile)(process.execPath, args, { cwd: root, env });
  const { findings, usage } = FindingsDocument.parse(JSON.parse(await readFile(join(out, 'findings.json'), 'utf8')));
  expect(new Set(findings.map(({ label }) => label))).toEqual(new Set(['tile']));
  expect(usage.cost_usd).toBe(0);

  const factories = await readFile(join(root, FACTORIES), 'utf8');
  await writeFile(join(root, FACTORIES), factories.replace('  echo: () => echoVision(),\n', ''));
  await expect(compile(), 'a row of the registry without its factory compiles').rejects.toMatchObject({
    stdout: expect.stringMatching(/Property 'echo' is missing/),
  });
});
