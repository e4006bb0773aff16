// Blobs in a folder: a laptop's data folder, or an S3 Files mount on Lambda. Knows files; knows nothing of what is in them.
import { randomUUID } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { copyFile, link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { withDiskAdvice } from '../contract/disk-errors.ts';
import { codeOf } from '../contract/errors.ts';
import { checkedFolder, checkedKey, checkRange, RESERVED_SEGMENT } from '../contract/key-checks.ts';
import type { Blobs } from '../ports.ts';

/** Holds unfinished files. The only process on a folder may empty it at its start, because a killed process leaves parts. */
export const PARTS_FOLDER = RESERVED_SEGMENT;
/** Other users of the machine must not read images and findings. */
const PRIVATE_FOLDER = 0o700;
const PRIVATE_FILE = 0o600;

export interface FolderBlobs extends Blobs {
  /** Like `putFile`, but only if the key is free. `false` if nothing was changed. */
  putNewFile(key: string, path: string): Promise<boolean>;
}

/** Objects are the files below `folder`, one a key. Throws a RangeError for a key that could leave it. */
export function fsBlobs(folder: string): FolderBlobs {
  const pathOf = (key: string) => join(folder, checkedKey(key));

  return {
    async head(key) {
      const found = await missingAsNull(stat(pathOf(key), { bigint: true }));
      return found?.isFile() ? { bytes: Number(found.size), version: versionOf(found) } : null;
    },

    async get(key) {
      return await missingAsNull(readFile(pathOf(key)));
    },

    async getRange(key, start, length) {
      checkRange(start, length);
      await using file = await open(pathOf(key));
      const bytes = Buffer.alloc(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await file.read(bytes, filled, length - filled, start + filled);
        if (bytesRead === 0) throw new RangeError(`Expected ${length} bytes at ${start} of ${key}, got ${filled}.`);
        filled += bytesRead;
      }
      return bytes;
    },

    async put(key, bytes) {
      await published(folder, pathOf(key), (temporary) => written(temporary, bytes));
    },

    async putNew(key, bytes) {
      // A link fails if the file exists; a rename would replace it.
      return await unlessTaken(published(folder, pathOf(key), (temporary) => written(temporary, bytes), link));
    },

    async putFile(key, path) {
      await moved(folder, path, pathOf(key)).catch((error) => {
        throw withDiskAdvice(error);
      });
    },

    async putNewFile(key, path) {
      return await unlessTaken(moved(folder, path, pathOf(key), link)).catch((error) => {
        throw withDiskAdvice(error);
      });
    },

    async list(prefix, { after = '', limit }) {
      const inFolder = checkedFolder(prefix, { limit });
      const entries = (await missingAsNull(readdir(join(folder, inFolder), { withFileTypes: true }))) ?? [];
      const found = entries.flatMap((entry) => (entry.isFile() ? [inFolder + entry.name] : []));
      return found
        .sort(byBytes)
        .filter((key) => byBytes(key, after) > 0)
        .slice(0, limit);
    },

    async materialize(key) {
      const path = pathOf(key);
      const pinned = join(folder, PARTS_FOLDER, randomUUID());
      try {
        await stat(path); // a missing object leaves no folder
        await makeFolder(join(folder, PARTS_FOLDER));
        await link(path, pinned); // objects are replaced, never rewritten: a second name keeps the bytes
      } catch (cause) {
        throw new Error(`Expected an object at ${key}, but it cannot be linked.`, { cause });
      }
      const found = await stat(pinned, { bigint: true });
      return { path: pinned, version: versionOf(found), release: () => rm(pinned, { force: true }) };
    },
  };
}

function versionOf({ mtimeNs, size }: BigIntStats): string {
  return `${mtimeNs.toString(36)}-${size.toString(36)}`;
}

/** Sorts as a bucket does: by UTF-8 bytes. */
function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

async function written(path: string, bytes: Uint8Array): Promise<void> {
  await using file = await open(path, 'wx', PRIVATE_FILE);
  await file.writeFile(bytes);
  await file.sync();
}

/** A checkpointed write must survive a power failure, not only a killed process. */
async function onDisk(path: string): Promise<void> {
  await using file = await open(path, 'r+');
  await file.chmod(PRIVATE_FILE);
  await file.sync();
}

async function moved(folder: string, path: string, target: string, place: typeof rename = rename): Promise<void> {
  await makeFolder(dirname(target));
  await onDisk(path);
  try {
    await place(path, target);
  } catch (error) {
    if (codeOf(error) !== 'EXDEV') throw error; // another file system: a copy on this one
    const copy = async (temporary: string) => {
      await copyFile(path, temporary);
      await onDisk(temporary);
    };
    await published(folder, target, copy, place);
  }
  await rm(path, { force: true });
}

/** Writes to a temporary file and renames or links it, so that a reader never gets a partial file. */
async function published(
  folder: string,
  target: string,
  write: (temporary: string) => Promise<void>,
  place: typeof rename = rename,
): Promise<void> {
  const temporary = join(folder, PARTS_FOLDER, randomUUID());
  try {
    await makeFolder(dirname(target));
    await makeFolder(join(folder, PARTS_FOLDER));
    await write(temporary);
    await place(temporary, target);
  } catch (error) {
    throw withDiskAdvice(error);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function unlessTaken(placing: Promise<void>): Promise<boolean> {
  try {
    await placing;
    return true;
  } catch (error) {
    // Not from mkdir: a file in the place of a folder.
    if (codeOf(error) === 'EEXIST' && error instanceof Error && 'syscall' in error && error.syscall === 'link') return false;
    throw error;
  }
}

async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: PRIVATE_FOLDER });
}

/** `null` if no file has that name. */
export async function missingAsNull<T>(found: Promise<T>): Promise<T | null> {
  try {
    return await found;
  } catch (error) {
    // A name that is too long for a file names none.
    if (['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes(codeOf(error))) return null;
    throw error;
  }
}
