// Writes what is published on npm, each package as a folder that `npm pack` takes: tilesight, a runtime for each system, and the
// WebAssembly for the rest.
import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '../functions.ts';
import type { Publisher } from '../ways/identity.ts';
import { pageFiles } from '../web-page.ts';
import { bundlePackage } from './bundle-package.ts';
import { type UsedPackage, usedPackages } from './bundled-packages.ts';
import { COPIED, ENTRIES } from './layout.ts';
import { checkLicenses, noticesOf } from './licenses.ts';
import { packageManifest } from './package-manifest.ts';
import { RUNTIMES, type Runtime, runtimeName, writeRuntime } from './runtimes.ts';
import { sbomOf } from './sbom.ts';
import { writeWasmRuntime } from './wasm-runtime.ts';

const EXECUTABLE = 0o755;

export interface WrittenPackages {
  /** The folders, tilesight last: npm must know the runtimes when it appears. */
  folders: string[];
  /** The bill of materials of tilesight. */
  sbom: string;
  packages: UsedPackage[];
}

/** Replaces `outFolder`. Throws a UserError for a package whose license is not allowed. */
export async function writePackages(
  outFolder: string,
  publisher: Publisher,
  runtimes: readonly Runtime[] = RUNTIMES,
): Promise<WrittenPackages> {
  await rm(outFolder, { recursive: true, force: true });
  const folders: string[] = [];
  for (const runtime of runtimes) {
    const folder = join(outFolder, basename(runtimeName(runtime)));
    await writeRuntime(folder, runtime);
    folders.push(folder);
  }
  folders.push(...(await writeWasmRuntime(outFolder)));
  const folder = join(outFolder, 'tilesight');
  const packages = await writeTilesight(folder, publisher);
  const sbom = join(outFolder, 'tilesight.cdx.json');
  await writeFile(sbom, `${JSON.stringify(sbomOf(packages), null, 2)}\n`);
  return { folders: [...folders, folder], sbom, packages };
}

async function writeTilesight(folder: string, publisher: Publisher): Promise<UsedPackage[]> {
  const { files, metafile } = await bundlePackage();
  const packages = await usedPackages(metafile);
  checkLicenses(packages);
  for (const { path, bytes } of files) {
    await mkdir(dirname(join(folder, 'dist', path)), { recursive: true });
    await writeFile(join(folder, 'dist', path), bytes);
  }
  await chmod(join(folder, 'dist/start.mjs'), EXECUTABLE);
  await mkdir(join(folder, 'page'));
  for (const [name, { bytes }] of await pageFiles()) await writeFile(join(folder, 'page', name), bytes);
  for (const [path, source] of Object.entries(COPIED)) await cp(source, join(folder, path), { recursive: true });
  await writeFile(join(folder, 'dist/library.d.ts'), await declarations());
  await writeFile(join(folder, 'THIRD_PARTY_NOTICES.txt'), await noticesOf(packages));
  await writeFile(join(folder, 'package.json'), `${JSON.stringify(packageManifest(publisher), null, 2)}\n`);
  return packages;
}

/** Made by the compiler from the one file that `exports` names. */
async function declarations(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tilesight-declarations-'));
  try {
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
    const options = ['--declaration', '--emitDeclarationOnly', '--noCheck', '--outDir', folder];
    await promisify(execFile)(process.execPath, [
      compiler,
      '--project',
      join(import.meta.dirname, 'declarations.json'),
      ...options,
    ]);
    return await readFile(join(folder, ENTRIES.library.replace(/\.ts$/, '.d.ts')), 'utf8');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
