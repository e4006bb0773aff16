// Takes out of installed packages what a function on Lambda never reads: other machines' binaries, other fonts, installers.
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TARGET } from './functions.ts';

/** Of these packages only these files and folders stay; of others everything. */
const KEPT: Readonly<Record<string, readonly string[]>> = {
  'dejavu-fonts-ttf': ['package.json', 'LICENSE', 'ttf/DejaVuSans-Bold.ttf'], // of 12 MB
  'onnxruntime-node': ['package.json', 'dist', `bin/napi-v6/${TARGET.os}/${TARGET.cpu}`], // of 290 MB
};
/** npm’s own notes, and the commands of packages. */
const NOT_KEPT = ['.package-lock.json', '.bin'];

export async function keepOnly(modulesFolder: string): Promise<void> {
  for (const name of NOT_KEPT) await rm(join(modulesFolder, name), { recursive: true, force: true });
  for (const [name, kept] of Object.entries(KEPT)) await prune(join(modulesFolder, name), kept);
}

/** Removes what is neither kept nor on the way to it. */
async function prune(folder: string, kept: readonly string[], within = ''): Promise<void> {
  const names = await readdir(join(folder, within)).catch(() => []); // not asked for: not there
  for (const name of names) {
    const path = within + name;
    if (kept.includes(path)) continue;
    if (kept.some((one) => one.startsWith(`${path}/`))) await prune(folder, kept, `${path}/`);
    else await rm(join(folder, path), { recursive: true });
  }
}
