// Follows docs/contributing/add-a-source.md on a copy of the repository, and names images of the source that it adds.
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { followGuide, scratchRepository } from '../support/guide-walk.ts';

const GUIDE = 'docs/contributing/add-a-source.md';

/** What the guide touches, and what uses the sources of the local deployment. */
const COMPILED = {
  extends: './tsconfig.json',
  include: ['pipeline/sources', 'local/*.ts', 'tests/contract/*-source*.test.ts', 'tests/support/server.ts'],
};

/** What the MCP server of the copy answers for a name, with the bucket `plans` allowed. */
const RESOLVE = `
const { readConfig } = await import('./pipeline/config.ts');
const { openSources, SOURCES } = await import('./pipeline/sources/index.ts');
const config = readConfig({ ALLOWED_GS_BUCKETS: 'plans, photos', ALLOWED_FOLDERS: '/images' });
const images = openSources(SOURCES.local, config).imagesIn({});
await images.resolve(process.argv[1]).catch(({ name, message }) => console.log(name + ': ' + message));
`;

test('the guide adds a source with one new file and two changes', { timeout: 240_000 }, async () => {
  const root = await scratchRepository();
  const run = async (...args: string[]) =>
    stripVTControlCharacters((await promisify(execFile)(process.execPath, args, { cwd: root })).stdout);
  expect(followGuide(GUIDE, root)).toEqual([
    'pipeline/sources/gs-source.ts',
    'pipeline/sources/index.ts',
    'tests/contract/source-contract.test.ts',
  ]);
  await writeFile(join(root, 'tsconfig.source.json'), JSON.stringify(COMPILED));
  expect(await run('node_modules/typescript/bin/tsc', '-p', 'tsconfig.source.json')).toBe('');

  const contract = await run('node_modules/vitest/vitest.mjs', 'run', 'tests/contract/source-contract.test.ts', '-t', 'gs:');
  expect(contract).toMatch(/Tests +8 passed/);

  const accepted = 'an upload_id or a file:// URL or absolute path inside /images or a gs:// address in plans or photos';
  expect(await run('--input-type=module', '--eval', RESOLVE, 'gs://private/plan.jpg')).toBe(
    `UserError: This server accepts ${accepted}, not gs://private/plan.jpg. Upload the image instead.\n`,
  );

  await run('build/docs/configuration-page.ts');
  const page = await readFile(join(root, 'docs/configuration.md'), 'utf8');
  expect(page).toMatch(/^\| gs +\| `gs:\/\/` +\| locally +\|$/m);
  expect(page).toMatch(/^\| `ALLOWED_GS_BUCKETS` +\| none +\| local +\|/m);
});
