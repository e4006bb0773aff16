// Packs the bundle for Claude Desktop (.mcpb) with the official packer: the npm package of tilesight with the packages that it needs on
// this system, as npm would install them. Needs no network.
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { packExtension } from '@anthropic-ai/mcpb';
import { UserError } from '../../pipeline/contract/errors.ts';
import { ROOT } from '../functions.ts';
import { NOT_BUNDLED } from '../npm-package/layout.ts';
import { RUNTIMES, runtimeName } from '../npm-package/runtimes.ts';
import { lockOf } from '../packages.ts';
import { bundleManifest } from './bundle-manifest.ts';
import { IDENTITY, type Publisher } from './identity.ts';
import { jsonOf } from './plugins.ts';

const MODULES = 'server/node_modules';

/**
 * `npmFolder` holds the npm packages. Returns the path of the bundle in `outFolder`. Throws a UserError if there is no runtime for this
 * system, or if the packer refuses the bundle.
 */
export async function writeBundle(outFolder: string, publisher: Publisher, npmFolder: string): Promise<string> {
  const runtime = RUNTIMES.find(({ os, cpu }) => os === process.platform && cpu === process.arch);
  if (!runtime) throw new UserError(`There is no runtime for ${process.platform}-${process.arch}, so no bundle for it.`);
  const folder = await mkdtemp(join(tmpdir(), 'tilesight-bundle-'));
  try {
    const modules = join(folder, MODULES);
    for (const name of [IDENTITY.name, runtimeName(runtime)])
      await cp(join(npmFolder, basename(name)), join(modules, name), { recursive: true });
    await copyDependencies(NOT_BUNDLED, join(folder, 'server'));
    await cp(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'));
    const entry = `${MODULES}/${IDENTITY.name}/dist/start.mjs`;
    await writeFile(join(folder, 'manifest.json'), jsonOf(bundleManifest(publisher, entry, process.platform)));
    await mkdir(outFolder, { recursive: true });
    const file = join(outFolder, bundleName());
    await rm(file, { force: true });
    const isPacked = await packExtension({ extensionPath: folder, outputPath: file, silent: true });
    if (!isPacked) throw new UserError(`The packer of MCP bundles refused ${basename(file)}. Run mcpb validate on its manifest.`);
    return file;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A bundle has the binaries of one system. */
export function bundleName(): string {
  return `${IDENTITY.name}-${IDENTITY.version}-${process.platform}-${process.arch}.mcpb`;
}

/** Those of the repository, without the packages for other systems, which are not there. */
async function copyDependencies(names: readonly string[], folder: string): Promise<void> {
  const { packages } = await lockOf(names);
  for (const path of Object.keys(packages)) {
    if (existsSync(join(ROOT, path))) await cp(join(ROOT, path), join(folder, path), { recursive: true, dereference: true });
  }
}
