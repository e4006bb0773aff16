// Replaces imports of Node's modules by functions that load the module on the first call. Importing node:crypto and node:fs loads 60
// modules of Node, 9 ms of a cold start, and the first requests of a client (discovery, list of tools) need none of them.
import { relative, sep } from 'node:path';
import type { Plugin } from 'esbuild';
import { ROOT } from '../functions.ts';

const MODULES = ['node:crypto', 'node:fs', 'node:fs/promises', 'node:timers/promises'] as const;
/** Only dependencies that a cold start loads; a request loads the rest. */
const IN_PACKAGES = [['node_modules', '@aws-lambda-powertools', ''].join(sep)];
const NAMESPACE = 'on-first-use';

/** Classes cannot be deferred to a call: importing one by name fails the build. `constants` load their module where they are imported. */
export const builtinsOnFirstUse: Plugin = {
  name: NAMESPACE,
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path, importer, kind }) => {
      const from = relative(ROOT, importer);
      const isOurs = !from.startsWith('node_modules') || IN_PACKAGES.some((folder) => from.startsWith(folder));
      const isOne = kind === 'import-statement' && MODULES.some((name) => name === path);
      return isOurs && isOne ? { path, namespace: NAMESPACE, sideEffects: false } : null;
    });
    onLoad({ filter: /.*/, namespace: NAMESPACE }, ({ path }) => ({ contents: functionsOf(path) }));
  },
};

function functionsOf(name: string): string {
  const builtin = process.getBuiltinModule(name);
  if (!builtin) throw new Error(`Node has no module ${name}.`);
  const names = Object.entries(builtin).flatMap(([key, value]) =>
    typeof value === 'function' && /^[a-z]\w*$/.test(key) ? [key] : [],
  );
  const functions = names.sort().map((key) => `export const ${key} = (...values) => from().${key}(...values);`);
  const constants = 'constants' in builtin ? ['export const constants = /* @__PURE__ */ (() => from().constants)();'] : [];
  return [`const from = () => process.getBuiltinModule('${name}');`, ...functions, ...constants].join('\n');
}
