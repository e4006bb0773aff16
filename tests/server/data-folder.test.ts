// The data folder of the local server: private, and every broken one ends the start with a sentence.
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { deleteUploads, emptyLeftovers, openDataFolder } from '../../local/data-folder.ts';
import { serve } from '../../local/serve.ts';
import { readConfig } from '../../pipeline/config.ts';
import { UserError } from '../../pipeline/contract/errors.ts';
import { temporaryFolder } from '../support/folder.ts';

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

async function served(dataFolder: string) {
  const server = await serve({ config: readConfig({}), dataFolder, allowedFolders: [], port: 0, log: SILENT });
  onTestFinished(() => server.close());
  return server;
}

describe('a data folder', () => {
  test('is private to its user, whatever is in it and whatever it was before', async () => {
    const root = join(await temporaryFolder(), 'data');
    await mkdir(root, { mode: 0o755 });
    await served(root);
    const folder = await openDataFolder(root);
    await writeFile(join(folder.blobs, 'uploads', 'x'), 'x', { mode: 0o600 });
    for (const entry of [root, ...(await readdir(root, { recursive: true })).map((name) => join(root, name))]) {
      const { mode } = await stat(entry);
      expect([entry, mode & 0o077]).toEqual([entry, 0]);
    }
  });

  test.each([
    [
      'engine.db is a folder',
      (root: string) => mkdir(join(root, 'engine.db'), { recursive: true }),
      /engine\.db must be a file, but is not\./,
    ],
    [
      'secret.key is a folder',
      (root: string) => mkdir(join(root, 'secret.key'), { recursive: true }),
      /secret\.key must be a file, but is not\./,
    ],
    [
      'blobs is a file',
      (root: string) => mkdir(root).then(() => writeFile(join(root, 'blobs'), 'x')),
      /blobs \(a file is in its place\)\./,
    ],
    ['it is a file itself', (root: string) => writeFile(root, 'x'), /data \(a file is in its place\)\./],
    ['scratch is a file', (root: string) => mkdir(root).then(() => writeFile(join(root, 'scratch'), 'x')), null],
    ['a folder is in uploads', (root: string) => mkdir(join(root, 'blobs/uploads/folder'), { recursive: true }), null],
    [
      'its database is overwritten in the middle',
      async (root: string) => {
        const server = await serve({ config: readConfig({}), dataFolder: root, allowedFolders: [], port: 0, log: SILENT });
        await server.close();
        const file = join(root, 'engine.db');
        const bytes = await readFile(file);
        bytes.fill(0x5a, 4_096, 6_096);
        await writeFile(file, bytes);
      },
      /engine\.db is not a tilesight database, or it is damaged\./,
    ],
  ])('starts, or says what to do, when %s', async (_, prepare, sentence) => {
    const root = join(await temporaryFolder(), 'data');
    await prepare(root);
    if (sentence === null) return void (await served(root));
    const refusal = await served(root).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(UserError);
    expect(String(refusal)).toMatch(sentence);
  });

  test('loses uploads that are old and not needed, and leftovers of a killed process', async () => {
    const folder = await openDataFolder(join(await temporaryFolder(), 'data'));
    for (const name of ['old', 'needed']) await writeFile(join(folder.blobs, 'uploads', name), 'x');
    await mkdir(join(folder.blobs, '.parts'));
    await writeFile(join(folder.blobs, '.parts', 'part'), 'x');
    await emptyLeftovers(folder);
    await deleteUploads(folder, new Set(['uploads/needed']), Date.now(), 60_000);
    expect(await readdir(join(folder.blobs, 'uploads'))).toEqual(expect.arrayContaining(['needed', 'old']));
    await deleteUploads(folder, new Set(['uploads/needed']), Date.now() + 61_000, 60_000);
    expect(await readdir(join(folder.blobs, 'uploads'))).toEqual(['needed']);
    expect(await readdir(folder.blobs)).not.toContain('.parts');
  });
});
