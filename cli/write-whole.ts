// Writes a file so that nobody ever sees a part of it, and a failure leaves none behind.
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { UserError } from '../pipeline/contract/errors.ts';

/** `content` may come in pieces of text. */
export async function writeWhole(path: string, content: Uint8Array | Iterable<string>): Promise<void> {
  const part = `${resolve(path)}.${process.pid}.part`;
  try {
    await mkdir(dirname(part), { recursive: true });
    await writeFile(part, content);
    await rename(part, path);
  } catch (cause) {
    await rm(part, { force: true }).catch(() => {});
    throw new UserError(`Expected a place to write ${path}, got ${reasonOf(cause)}. Choose another file or folder.`, { cause });
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : 'an error';
}
