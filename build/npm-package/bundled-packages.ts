// The packages whose code or files are in the npm package, and those that are installed with it, with versions and licenses of
// package-lock.json. esbuild records every file that it reads; npm's own SBOM misses a third of them.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';
import { z } from 'zod';
import { ROOT } from '../functions.ts';
import { lockOf } from '../packages.ts';
import { COPIED_PACKAGES, NOT_BUNDLED } from './layout.ts';

const Locked = z.looseObject({ version: z.string(), license: z.string().optional(), integrity: z.string().optional() });

export interface UsedPackage {
  name: string;
  version: string;
  /** As the package declares it: an SPDX expression. `null` if it declares none. */
  license: string | null;
  /** The hash of its archive, as package-lock.json has it. */
  integrity: string | null;
  /** Within the repository, such as `node_modules/zod`. */
  folder: string;
  /** `bundled`: code in dist/; `copied`: files; `installed`: a dependency. */
  use: 'bundled' | 'copied' | 'installed';
}

/** Sorted by folder. */
export async function usedPackages(metafile: Metafile): Promise<UsedPackage[]> {
  const { packages } = z
    .object({ packages: z.record(z.string(), z.unknown()) })
    .parse(JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8')));
  const uses = new Map<string, UsedPackage['use']>();
  for (const folder of Object.keys((await lockOf(NOT_BUNDLED)).packages)) uses.set(folder, 'installed');
  for (const name of COPIED_PACKAGES) uses.set(`node_modules/${name}`, 'copied');
  for (const path of includedFiles(metafile)) {
    const folder = packageFolder(path);
    if (folder !== null) uses.set(folder, 'bundled');
  }
  return [...uses]
    .map(([folder, use]) => {
      const { version, license, integrity } = Locked.parse(packages[folder]);
      const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
      return { name, version, license: license ?? null, integrity: integrity ?? null, folder, use };
    })
    .sort((a, b) => (a.folder < b.folder ? -1 : 1));
}

/** What is left in the output: esbuild also reads files that it then leaves out. */
function includedFiles({ outputs }: Metafile): Set<string> {
  return new Set(Object.values(outputs).flatMap(({ inputs }) => Object.keys(inputs)));
}

/** `null` for a file of the repository itself. */
export function packageFolder(path: string): string | null {
  return /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? null;
}
