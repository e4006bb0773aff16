// Measures a function's folder, unzipped and zipped, and checks it against Lambda's limits. Knows nothing of the build.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { deflateRaw } from 'node:zlib';
import { UserError } from '../pipeline/contract/errors.ts';
import type { LambdaFunction } from './functions.ts';

export interface FolderSize {
  /** Size of the bundle without source maps: the most that a cold start may read. */
  codeBytes: number;
  bytes: number;
  zippedBytes: number;
}

const ZIP_HEADER_BYTES = 30 + 46; // before the file and in the directory, each with its name
const ZIP_END_BYTES = 22;

/** Size as a zip: each file deflated separately. Creates no zip. */
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

/** Throws a UserError that names each size above its limit. */
export function checkSize({ name, limits }: LambdaFunction, { codeBytes, bytes, zippedBytes }: FolderSize): void {
  const checks = [
    ['of code', codeBytes, limits.codeBytesMax],
    ['unzipped', bytes, limits.bytesMax],
    ['zipped', zippedBytes, limits.zippedBytesMax],
  ] as const;
  for (const [what, got, most] of checks) {
    if (got <= most) continue;
    throw new UserError(
      `${name} has ${got.toLocaleString('en')} bytes ${what}, but at most ${most.toLocaleString('en')} are allowed. Remove something, or raise the limit in build/functions.ts.`,
    );
  }
}
