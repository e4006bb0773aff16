// Removes from installed packages what a function on Lambda never reads: binaries of other platforms, other fonts, installers.
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TARGET } from './functions.ts';

/** The files and folders to keep of these packages. All other packages are kept whole. */
const KEPT: Readonly<Record<string, readonly string[]>> = {
  'dejavu-fonts-ttf': ['package.json', 'LICENSE', 'ttf/DejaVuSans-Bold.ttf'], // of 12 MB
  'onnxruntime-node': ['package.json', 'dist', `bin/napi-v6/${TARGET.os}/${TARGET.cpu}`], // of 290 MB
};
/** Metadata of npm, and the commands of packages. */
const NOT_KEPT = ['.package-lock.json', '.bin'];

export async function keepOnly(modulesFolder: string): Promise<void> {
  for (const name of NOT_KEPT) await rm(join(modulesFolder, name), { recursive: true, force: true });
  for (const [name, kept] of Object.entries(KEPT)) await prune(join(modulesFolder, name), kept);
}

/** Removes everything that is neither kept nor a parent of a kept path. */
async function prune(folder: string, kept: readonly string[], within = ''): Promise<void> {
  const names = await readdir(join(folder, within)).catch(() => []); // an optional package that was not requested
  for (const name of names) {
    const path = within + name;
    if (kept.includes(path)) continue;
    if (kept.some((one) => one.startsWith(`${path}/`))) await prune(folder, kept, `${path}/`);
    else await rm(join(folder, path), { recursive: true });
  }
}
