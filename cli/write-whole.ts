// Writes files so that a reader never meets a part of one, and a failure leaves nothing behind.
import { constants } from 'node:fs';
import { access, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { UserError } from '../pipeline/contract/errors.ts';

/** Bytes, or pieces of text. */
export type Content = Uint8Array | Iterable<string>;

export async function writeWhole(path: string, content: Content): Promise<void> {
  const part = `${resolve(path)}.${process.pid}.part`;
  try {
    await mkdir(dirname(part), { recursive: true });
    await writeFile(part, content);
    await rename(part, path);
  } catch (cause) {
    await rm(part, { force: true }).catch(() => {});
    throw cannotWrite(path, cause);
  }
}

/** Writes all files below `folder`, which is new or empty, or none of them. */
export async function writeWholeFolder(folder: string, files: readonly { path: string; content: Content }[]): Promise<void> {
  const target = resolve(folder);
  const part = join(target, `.${process.pid}.part`);
  const moved: string[] = [];
  let created: string | undefined;
  try {
    created = await mkdir(target, { recursive: true });
    for (const { path, content } of files) {
      await mkdir(dirname(join(part, path)), { recursive: true });
      await writeFile(join(part, path), content);
    }
    // Each entry by itself, and not the folder: it may be the shell's current one.
    for (const entry of await readdir(part)) {
      await rename(join(part, entry), join(target, entry));
      moved.push(join(target, entry));
    }
  } catch (cause) {
    for (const path of created === undefined ? moved : [created])
      await rm(path, { recursive: true, force: true }).catch(() => {});
    throw cannotWrite(folder, cause);
  } finally {
    await rm(part, { recursive: true, force: true }).catch(() => {});
  }
}

/** Throws a UserError unless files can be written into `path`, a folder that may not exist yet. */
export async function checkOutFolder(path: string, option = '--out'): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found && !found.isDirectory()) throw new UserError(`${path} is a file. Name a folder with ${option}.`);
  await checkWritable(resolve(path), path);
}

/** Throws a UserError unless `path` can become a file, or replace one. `option` is the one that named it. */
export async function checkFile(path: string, option = '--out'): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory()) throw new UserError(`${path} is a folder. Name a file with ${option}.`);
  if (found && !found.isFile()) throw new UserError(`${path} is not a regular file. Name another one with ${option}.`);
  await checkWritable(dirname(resolve(path)), path);
}

/** Throws a UserError unless `path` can become a folder, or is an empty one: the files of two exports do not mix. */
export async function checkFolder(path: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found && !found.isDirectory()) throw new UserError(`${path} is a file. Name a new folder with --out.`);
  if (found && (await readdir(path)).length > 0) {
    throw new UserError(`The folder ${path} is not empty. Name a new folder with --out, so that two exports do not mix.`);
  }
  await checkWritable(resolve(path), path);
}

/** The nearest folder that exists decides, because the missing ones are created in it. */
async function checkWritable(folder: string, out: string): Promise<void> {
  try {
    await access(`${folder}/.`, constants.W_OK); // the dot: ENOTDIR for a file
  } catch (cause) {
    if (codeOf(cause) !== 'ENOENT' || folder === dirname(folder)) throw cannotWrite(out, cause);
    await checkWritable(dirname(folder), out);
  }
}

function cannotWrite(path: string, cause: unknown): UserError {
  return new UserError(`Cannot write ${path} (${codeOf(cause)}). Choose another file or folder.`, { cause });
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
}
