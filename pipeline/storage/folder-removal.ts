// Removal in a folder. A folder of objects disappears at once, so that no reader gets a part of it.
import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkedFolder, checkedKey } from '../contract/key-checks.ts';
import type { Removal } from '../ports.ts';
import { missingAsNull, PARTS_FOLDER } from './folder-blobs.ts';

/** `folder` is that of `fsBlobs`. */
export function fsRemoval(folder: string): Removal {
  return {
    async objects(keys) {
      for (const key of keys) await missingAsNull(rm(join(folder, checkedKey(key))));
    },
    async folder(prefix) {
      const parts = join(folder, PARTS_FOLDER);
      const removed = join(parts, randomUUID());
      await mkdir(parts, { recursive: true });
      await missingAsNull(rename(join(folder, checkedFolder(prefix, { limit: 1 })), removed));
      await rm(removed, { recursive: true, force: true });
    },
  };
}
