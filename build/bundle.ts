// Source to JavaScript for Lambda: one minified file an entry, and chunks that load when they are first needed. Writes nothing; the
// same source gives the same bytes wherever it lies and wherever they are put.
import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { builtinsOnFirstUse } from './builtins-on-first-use.ts';
import { type LambdaFunction, NOT_BUNDLED, ROOT, TARGET } from './functions.ts';

export interface BundledFile {
  /** Within the function's folder. */
  path: string;
  bytes: Uint8Array;
}

/** The folder that esbuild believes to write to: source maps are relative to it. */
const FOLDER = 'dist/function';

// Dependencies in CommonJS call `require` for Node's own modules, which modules do not have.
const REQUIRE = "import{createRequire as requireOf}from'node:module';const require=requireOf(import.meta.url);";

/** Of `entries` and `instead`, files are named within the repository. */
export async function bundle({ entries, instead }: Pick<LambdaFunction, 'entries' | 'instead'>): Promise<BundledFile[]> {
  const { outputFiles } = await build({
    ...{ entryPoints: { ...entries }, absWorkingDir: ROOT, outdir: FOLDER, write: false, logLevel: 'silent' },
    ...{ bundle: true, splitting: true, format: 'esm', platform: 'node', target: TARGET.node },
    ...{ minify: true, legalComments: 'none', sourcemap: true, sourcesContent: false },
    ...{ outExtension: { '.js': '.mjs' }, chunkNames: 'chunks/[name]-[hash]', banner: { js: REQUIRE } },
    mainFields: ['module', 'main'], // modules where a package has both: only they can be cut to what is used
    external: [...NOT_BUNDLED],
    alias: { ...instead },
    plugins: [onlyWhatIsUsed, builtinsOnFirstUse],
  });
  const files = outputFiles.map(({ path, contents }) => ({ path: relative(`${ROOT}/${FOLDER}`, path), bytes: contents }));
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/**
 * `import { z }` drags in all of zod, with its words in 50 languages; a namespace is cut to what is used: 346 KB less.
 * Of package.json only the version is asked for, and what else the repository installs is nobody's business there.
 */
const onlyWhatIsUsed: Plugin = {
  name: 'only-what-is-used',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      return { contents: source.replace("import { z } from 'zod';", "import * as z from 'zod';"), loader: 'ts' };
    });
    onLoad({ filter: /package\.json$/ }, async ({ path }) => {
      if (path !== join(ROOT, 'package.json')) return null;
      const { version } = JSON.parse(await readFile(path, 'utf8'));
      return { contents: JSON.stringify({ version }), loader: 'json' };
    });
  },
};
