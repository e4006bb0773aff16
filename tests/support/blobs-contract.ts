// The contract of Blobs, which every store must keep. The test of an adapter only runs it.
import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Blobs } from '../../pipeline/ports.ts';
import { temporaryFolder } from './folder.ts';

export function blobsContract(name: string, make: () => Promise<Blobs>): void {
  describe(`${name} keeps the contract of Blobs:`, () => {
    test('a stored object is read back, as a whole and in ranges', async () => {
      const blobs = await make();
      const bytes = randomBytes(70_000);
      await blobs.put('executions/a/image.bin', bytes);
      expect(await blobs.get('executions/a/image.bin')).toEqual(bytes);
      expect(await blobs.getRange('executions/a/image.bin', 69_000, 1_000)).toEqual(bytes.subarray(69_000));
      expect(await blobs.head('executions/a/image.bin')).toMatchObject({ bytes: 70_000 });
    });

    test('a missing object is null, and a range of it throws', async () => {
      const blobs = await make();
      expect(await blobs.get('nothing/here')).toBeNull();
      expect(await blobs.head('nothing/here')).toBeNull();
      await expect(blobs.getRange('nothing/here', 0, 1)).rejects.toThrow();
      await expect(blobs.materialize('nothing/here')).rejects.toThrow();
    });

    test('a prefix of a key is not an object', async () => {
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

    test('of several concurrent calls, one creates a new object, and none replaces it', async () => {
      const blobs = await make();
      const texts = ['a', 'b', 'c', 'd', 'e'];
      const done = await Promise.all(texts.map((text) => blobs.putNew('executions/a/first.json', Buffer.from(text))));
      expect(done.filter(Boolean)).toHaveLength(1);
      const first = texts[done.indexOf(true)];
      expect(Buffer.from((await blobs.get('executions/a/first.json')) ?? []).toString()).toBe(first);
      expect(await blobs.putNew('executions/a/first.json', Buffer.from('late'))).toBe(false);
      expect(Buffer.from((await blobs.get('executions/a/first.json')) ?? []).toString()).toBe(first);
    });

    test('a file becomes an object, and an object becomes a file', async () => {
      const blobs = await make();
      const path = join(await temporaryFolder(), 'image.bin');
      await writeFile(path, 'pixels');
      await blobs.putFile('uploads/u1', path);
      const file = await blobs.materialize('uploads/u1');
      expect(await readFile(file.path, 'utf8')).toBe('pixels');
      await file.release();
      expect(Buffer.from((await blobs.get('uploads/u1')) ?? []).toString()).toBe('pixels');
    });

    test('a file of 20 MB is read back byte for byte', async () => {
      const blobs = await make();
      const path = join(await temporaryFolder(), 'pyramid.szi');
      const bytes = randomBytes(20_000_000);
      await writeFile(path, bytes);
      await blobs.putFile('executions/a/pyramid.szi', path);
      expect(await blobs.head('executions/a/pyramid.szi')).toMatchObject({ bytes: 20_000_000 });
      expect(bytes.equals((await blobs.get('executions/a/pyramid.szi')) ?? Buffer.of())).toBe(true);
      const range = await blobs.getRange('executions/a/pyramid.szi', 8_388_600, 20);
      expect(bytes.subarray(8_388_600, 8_388_620).equals(range)).toBe(true);
    });

    test('an empty file is an object too', async () => {
      const blobs = await make();
      const path = join(await temporaryFolder(), 'empty');
      await writeFile(path, '');
      await blobs.putFile('empty', path);
      expect(await blobs.head('empty')).toMatchObject({ bytes: 0 });
      expect(await blobs.get('empty')).toHaveLength(0);
      const file = await blobs.materialize('empty');
      expect(await readFile(file.path)).toHaveLength(0);
      await file.release();
    });

    test('a missing file creates no object', async () => {
      const blobs = await make();
      await expect(blobs.putFile('uploads/u1', join(await temporaryFolder(), 'nothing'))).rejects.toThrow(/ENOENT/);
      expect(await blobs.head('uploads/u1')).toBeNull();
    });

    test('an object outlives the release of its local file, and a second release', async () => {
      const blobs = await make();
      await blobs.put('image', Buffer.from('pixels'));
      const [first, second] = [await blobs.materialize('image'), await blobs.materialize('image')];
      await first.release();
      expect(await readFile(second.path, 'utf8')).toBe('pixels');
      await second.release();
      await second.release();
      expect(await blobs.get('image')).toEqual(Buffer.from('pixels'));
    });

    test('a folder lists the objects directly in it, ordered by key bytes, page by page', async () => {
      const blobs = await make();
      for (const name of ['b', 'a', 'é', 'Z', 'a-', 'deeper/x', '日本']) await blobs.put(`index/${name}`, Buffer.from('x'));
      await blobs.put('index-other/a', Buffer.from('x'));
      const all = ['Z', 'a', 'a-', 'b', 'é', '日本'].map((name) => `index/${name}`);
      expect(await blobs.list('index/', { limit: 100 })).toEqual(all);
      expect(await blobs.list('index/', { limit: 2 })).toEqual(all.slice(0, 2));
      expect(await blobs.list('index/', { limit: 2, after: 'index/a' })).toEqual(all.slice(2, 4));
      expect(await blobs.list('index/', { limit: 9, after: 'index/b0' })).toEqual(all.slice(4));
      expect(await blobs.list('nothing/here/', { limit: 9 })).toEqual([]);
    });

    test.each([
      ['index', 1],
      ['../', 1],
      ['/', 1],
      ['index/', 0],
      ['index/', 1_001],
    ])('a list of %j with limit %d is refused', async (folder, limit) => {
      const blobs = await make();
      await expect((async () => blobs.list(folder, { limit }))()).rejects.toThrow(RangeError);
    });

    test.each([
      [0, 0],
      [-1, 2],
      [0, -1],
      [0.5, 1],
      [0, Number.NaN],
    ])('a range of %d, %d is refused', async (start, length) => {
      const blobs = await make();
      await blobs.put('key', Buffer.from('abc'));
      await expect(blobs.getRange('key', start, length)).rejects.toThrow(/must contain at least one byte/);
    });

    test.each([
      ...['sp ace', 'a+b', 'p%20q', 'a%2Fb', 'q?x=1&y', 'h#f', "it's (x)!", '"q"', '<x>', 'a:b*c;d=e,f@g', '~.tilde', '..a'],
      ...['ünï', 'u\u0308', '日本', '😀', `${'é'.repeat(120)}/${'x'.repeat(200)}`],
    ])('the key %j names an object of its own', async (key) => {
      const blobs = await make();
      await blobs.put(`uploads/${key}`, Buffer.from(key));
      await blobs.put(`uploads/${key}-`, Buffer.from('another'));
      expect(Buffer.from((await blobs.get(`uploads/${key}`)) ?? []).toString()).toBe(key);
      expect(await blobs.head(`uploads/${key}`)).toMatchObject({ bytes: Buffer.byteLength(key) });
    });

    test.each([
      ...['.parts/x', 'a/.parts', '../outside', '/absolute', 'a//b', 'a/../b', '', 'a/./b', 'a/', 'a\\b', 'a\nb', 'a\0b'],
      ...['\ud800', `${'a/'.repeat(512)}a`, 'é'.repeat(513)],
    ])('the key %j is refused', async (key) => {
      const blobs = await make();
      const attempts: (() => Promise<unknown>)[] = [
        () => blobs.put(key, Buffer.from('x')),
        () => blobs.get(key),
        () => blobs.head(key),
        () => blobs.getRange(key, 0, 1),
        () => blobs.putFile(key, 'nothing'),
        () => blobs.materialize(key),
      ];
      for (const attempt of attempts) await expect((async () => attempt())()).rejects.toThrow(/is invalid\. A key is relative/);
    });
  });
}

/** Names of files that a failed or interrupted write left behind. */
export async function leftovers(folder: string): Promise<string[]> {
  return await readdir(join(folder, '.parts')).catch(() => []);
}
