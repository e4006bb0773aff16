// Installs packages with binaries for Lambda's platform instead of this machine's: the versions of package-lock.json and their
// dependencies, each verified by its hash. Packages for other platforms are left out.
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { UserError } from '../pipeline/contract/errors.ts';
import { ROOT, TARGET } from './functions.ts';
import { keepOnly } from './keep-only.ts';

const Dependencies = z.record(z.string(), z.string()).default({});
const LockedPackage = z.looseObject({ version: z.string(), dependencies: Dependencies, optionalDependencies: Dependencies });
const LockFile = z.object({ packages: z.looseObject({}) });

/** A lock file in npm's format, by the path of each package. */
export interface Lock {
  /** The exact versions of the requested packages. */
  dependencies: Record<string, string>;
  packages: Record<string, unknown>;
}

/** The part of package-lock.json that these packages need, on any platform. Throws a UserError for a package that is not in it. */
export async function lockOf(names: readonly string[]): Promise<Lock> {
  const { packages } = LockFile.parse(JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8')));
  const needed = new Map<string, z.infer<typeof LockedPackage>>();
  const visit = (name: string, from: string): void => {
    const path = placeOf(name, from, packages);
    if (path === null || needed.has(path)) return;
    const found = LockedPackage.parse(packages[path]);
    needed.set(path, found);
    for (const dependency of Object.keys({ ...found.dependencies, ...found.optionalDependencies })) visit(dependency, path);
  };
  const dependencies: Record<string, string> = {};
  for (const name of names) {
    visit(name, '');
    const version = needed.get(`node_modules/${name}`)?.version;
    if (!version) throw new UserError(`package-lock.json does not contain ${name}. Install it with npm.`);
    dependencies[name] = version;
  }
  const paths = [...needed.keys()].sort();
  return { dependencies, packages: Object.fromEntries(paths.map((path) => [path, packages[path]])) };
}

/** Resolved as Node does: the nearest node_modules folder upwards. `null` for an optional package that no platform has. */
function placeOf(name: string, from: string, packages: Record<string, unknown>): string | null {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    const path = join(folder, 'node_modules', name);
    if (path in packages) return path;
    if (folder === '') return null;
  }
}

/** Fills `folder`/node_modules. Throws a UserError if npm fails. */
export async function installPackages(folder: string, names: readonly string[], signal: AbortSignal): Promise<void> {
  const { dependencies, packages } = await lockOf(names);
  const manifest = { name: 'function', version: '0.0.0', dependencies };
  const lock = { ...manifest, lockfileVersion: 3, requires: true, packages: { '': manifest, ...packages } };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  await writeFile(join(folder, 'package-lock.json'), JSON.stringify(lock));
  const platform = ['--os', TARGET.os, '--cpu', TARGET.cpu, '--libc', TARGET.libc];
  const quiet = ['--no-audit', '--no-fund', '--loglevel', 'error'];
  try {
    await promisify(execFile)('npm', ['ci', '--ignore-scripts', ...platform, ...quiet], { cwd: folder, signal });
  } catch (cause) {
    signal.throwIfAborted();
    const stderr = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : String(cause);
    throw new UserError(`npm could not install ${names.join(', ')} for ${TARGET.os}-${TARGET.cpu}:\n${stderr}`, { cause });
  }
  await rm(join(folder, 'package-lock.json'));
  await keepOnly(join(folder, 'node_modules'));
}
