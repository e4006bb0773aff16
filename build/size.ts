// How large a function's folder is, unzipped and zipped, and whether Lambda takes it. Knows nothing of how it was made.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { deflateRaw } from 'node:zlib';
import { UserError } from '../pipeline/contract/errors.ts';
import type { LambdaFunction } from './functions.ts';

export interface FolderSize {
  /** The bundle without source maps: what may be read at a cold start. */
  codeBytes: number;
  bytes: number;
  zippedBytes: number;
}

const ZIP_HEADER_BYTES = 30 + 46; // before the file and in the directory, each with its name
const ZIP_END_BYTES = 22;

/** Zipped as any zip does: each file deflated by itself. No zip is made. */
export async function sizeOf(folder: string): Promise<FolderSize> {
  const size = { codeBytes: 0, bytes: 0, zippedBytes: ZIP_END_BYTES };
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((one) => one.isFile())) {
    const path = join(entry.parentPath, entry.name).slice(folder.length + 1);
    const bytes = await readFile(join(folder, path));
    const deflated = await promisify(deflateRaw)(bytes);
    if (path.endsWith('.mjs') && !path.startsWith('node_modules/')) size.codeBytes += bytes.length;
    size.bytes += bytes.length;
    size.zippedBytes += Math.min(deflated.length, bytes.length) + ZIP_HEADER_BYTES + 2 * Buffer.byteLength(path);
  }
  return size;
}

/** Throws a UserError that names what is too large. */
export function checkSize({ name, limits }: LambdaFunction, { codeBytes, bytes, zippedBytes }: FolderSize): void {
  const checks = [
    ['of code', codeBytes, limits.codeBytesMax],
    ['unzipped', bytes, limits.bytesMax],
    ['zipped', zippedBytes, limits.zippedBytesMax],
  ] as const;
  for (const [what, got, most] of checks) {
    if (got <= most) continue;
    throw new UserError(
      `Expected ${name} to be at most ${most.toLocaleString('en')} bytes ${what}, got ${got.toLocaleString('en')}. Take something out, or raise its limit in build/functions.ts.`,
    );
  }
}
