// Writes one folder for each function: the bundle, the packages that cannot be bundled, and files that are read at run time.
import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bundle } from './bundle.ts';
import { type LambdaFunction, ROOT } from './functions.ts';
import { installPackages } from './packages.ts';
import { checkSize, type FolderSize, sizeOf } from './size.ts';

export interface BuildOptions {
  functions: readonly LambdaFunction[];
  /** Replaced as a whole; unchanged if the build fails or is stopped. */
  outFolder: string;
  /** `false` omits node_modules, which need the network. */
  install: boolean;
  signal: AbortSignal;
}

/** Sizes by function name. Throws a UserError if a function is too large or a package cannot be installed. */
export async function writeFunctions({ functions, outFolder, install, signal }: BuildOptions): Promise<Map<string, FolderSize>> {
  const partFolder = `${outFolder}.tmp`;
  const sizes = new Map<string, FolderSize>();
  await rm(partFolder, { recursive: true, force: true });
  try {
    for (const one of functions) {
      const folder = join(partFolder, one.name);
      await mkdir(folder, { recursive: true });
      if (install) await installPackages(folder, one.packages, signal);
      await writeCode(folder, one);
      signal.throwIfAborted();
      const size = await sizeOf(folder);
      checkSize(one, size);
      sizes.set(one.name, size);
    }
    signal.throwIfAborted();
    await rm(outFolder, { recursive: true, force: true });
    await rename(partFolder, outFolder);
    return sizes;
  } catch (error) {
    await rm(partFolder, { recursive: true, force: true });
    throw error;
  }
}

async function writeCode(folder: string, { files, imports, ...code }: LambdaFunction): Promise<void> {
  for (const { path, bytes } of await bundle(code)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
  for (const file of files) await cp(join(ROOT, file), join(folder, file), { recursive: true });
  await writeFile(join(folder, 'package.json'), `${JSON.stringify({ type: 'module', imports }, null, 2)}\n`);
}
