// What every store must do. Each adapter's test is three lines that run this.
import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Blobs } from '../../pipeline/ports.ts';
import { temporaryFolder } from './folder.ts';

export function blobsContract(name: string, make: () => Promise<Blobs>): void {
  describe(`${name} keeps the contract of Blobs:`, () => {
    test('what was put comes back, whole and in ranges', async () => {
      const blobs = await make();
      const bytes = randomBytes(70_000);
      await blobs.put('executions/a/picture.bin', bytes);
      expect(await blobs.get('executions/a/picture.bin')).toEqual(bytes);
      expect(await blobs.getRange('executions/a/picture.bin', 69_000, 1_000)).toEqual(bytes.subarray(69_000));
      expect(await blobs.head('executions/a/picture.bin')).toMatchObject({ bytes: 70_000 });
    });

    test('what is not there is null, and a range of it throws', async () => {
      const blobs = await make();
      expect(await blobs.get('nothing/here')).toBeNull();
      expect(await blobs.head('nothing/here')).toBeNull();
      await expect(blobs.getRange('nothing/here', 0, 1)).rejects.toThrow();
      await expect(blobs.materialize('nothing/here')).rejects.toThrow();
    });

    test('the beginning of a key is no object', async () => {
      const blobs = await make();
      await blobs.put('uploads/u1', Buffer.from('x'));
      expect(await blobs.head('uploads')).toBeNull();
      await expect(blobs.materialize('uploads')).rejects.toThrow();
    });

    test('a range past the end throws', async () => {
      const blobs = await make();
      await blobs.put('short', Buffer.from('abc'));
      await expect(blobs.getRange('short', 1, 3)).rejects.toThrow();
    });

    test('a new object under a key has a new version', async () => {
      const blobs = await make();
      await blobs.put('key', Buffer.from('one'));
      const first = await blobs.head('key');
      await blobs.put('key', Buffer.from('two'));
      expect((await blobs.head('key'))?.version).not.toBe(first?.version);
    });

    test('a file becomes an object, and an object a file', async () => {
      const blobs = await make();
      const path = join(await temporaryFolder(), 'picture.bin');
      await writeFile(path, 'pixels');
      await blobs.putFile('uploads/u1', path);
      const file = await blobs.materialize('uploads/u1');
      expect(await readFile(file.path, 'utf8')).toBe('pixels');
      await file.release();
      expect(Buffer.from((await blobs.get('uploads/u1')) ?? []).toString()).toBe('pixels');
    });

    test.each(['.parts/x', '../outside', '/absolute', 'a//b', 'a/../b', '', 'a/./b'])('the key %j is refused', async (key) => {
      const blobs = await make();
      await expect((async () => blobs.put(key, Buffer.from('x')))()).rejects.toThrow(/Expected a relative key/);
    });
  });
}

/** Names of files that a failed or interrupted write left behind. */
export async function leftovers(folder: string): Promise<string[]> {
  return await readdir(join(folder, '.parts')).catch(() => []);
}
