// The contract of Removal, which every store must keep.
import { expect, test } from 'vitest';
import type { Blobs, Removal } from '../../pipeline/ports.ts';

export function removalContract(name: string, make: () => Promise<{ blobs: Blobs; removal: Removal }>): void {
  test(`${name} deletes the named objects and whole folders, twice without harm, and nothing else`, async () => {
    const { blobs, removal } = await make();
    const has = async (key: string) => (await blobs.head(key)) !== null;
    const all = ['executions/a/x', 'executions/a/deep/er/y', 'executions/ab/x', 'index/1', 'index/2'];
    for (const key of all) await blobs.put(key, Buffer.from(key));
    for (let times = 0; times < 2; times++) {
      await removal.folder('executions/a/');
      await removal.objects(['index/1', 'index/nothing']);
      await removal.objects([]);
    }
    expect(await Promise.all(all.map(has))).toEqual([false, false, true, false, true]);
    await expect(removal.folder('executions')).rejects.toThrow(RangeError);
    await expect(removal.folder('../')).rejects.toThrow(RangeError);
    await expect(removal.objects(['../outside'])).rejects.toThrow(RangeError);
    await blobs.put('executions/a/x', Buffer.from('new'));
    expect(await has('executions/a/x')).toBe(true);
  });
}
