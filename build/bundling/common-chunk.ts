// Brings what a start shares with the parts that load on first use into one chunk. esbuild makes a chunk for each set of parts that
// share a module, and each chunk that a start loads costs it up to a millisecond.
import { join } from 'node:path';
import type { Metafile } from 'esbuild';
import { ROOT } from '../functions.ts';

/**
 * Imports to append to sources, by absolute path, for a second bundle. `first` describes the bundle of one entry without them. Every part
 * then imports all of our modules that the start shares with any part; the start has loaded those anyway.
 */
export function commonImports(first: Metafile): ReadonlyMap<string, string> {
  const shared = sharedModules(first).map((path) => `\nimport ${JSON.stringify(join(ROOT, path))};`);
  const parts = Object.values(first.inputs).flatMap(({ imports }) =>
    imports.filter(({ kind }) => kind === 'dynamic-import').map(({ path }) => path),
  );
  return new Map(parts.map((path) => [join(ROOT, path), shared.join('')]));
}

/** Our modules in chunks that the entry loads before it runs. */
function sharedModules({ outputs }: Metafile): string[] {
  const entries = Object.keys(outputs).filter((path) => outputs[path]?.entryPoint && !path.includes('/chunks/'));
  const loaded = new Set(entries);
  for (const path of loaded) {
    for (const { path: next, kind } of outputs[path]?.imports ?? []) {
      if (kind === 'import-statement' && outputs[next]) loaded.add(next);
    }
  }
  const chunks = [...loaded].filter((path) => !entries.includes(path));
  return chunks.flatMap((path) => Object.keys(outputs[path]?.inputs ?? {})).filter(isOurs);
}

function isOurs(path: string): boolean {
  return path.endsWith('.ts') && !path.startsWith('node_modules/');
}
