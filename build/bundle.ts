// Bundles source to JavaScript for Lambda: one minified file for each entry, and chunks that load on first use. Writes nothing. The
// same source gives the same bytes, independent of the folders of source and output.
import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { builtinsOnFirstUse } from './bundling/builtins-on-first-use.ts';
import { commonImports } from './bundling/common-chunk.ts';
import { oauthLeftOut } from './bundling/oauth-left-out.ts';
import { type LambdaFunction, NOT_BUNDLED, ROOT, TARGET } from './functions.ts';

export interface BundledFile {
  /** Within the function's folder. */
  path: string;
  bytes: Uint8Array;
}

/** The folder that esbuild assumes as its output: source maps are relative to it. */
const FOLDER = 'dist/function';

// CommonJS dependencies call `require` for Node's modules, which ES modules do not have.
export const REQUIRE = "import{createRequire as requireOf}from'node:module';const require=requireOf(import.meta.url);";

/**
 * `entries` and `replacements` name files relative to the repository. Each entry has a bundle of its own, because it runs in its own
 * process: modules that two entries share would add chunks to the start of both.
 */
export async function bundle({
  entries,
  ...choices
}: Pick<LambdaFunction, 'entries' | 'replacements' | 'hasOauth'>): Promise<BundledFile[]> {
  const bundled = await Promise.all(Object.entries(entries).map((entry) => bundleEntry(entry, choices)));
  // A chunk that two entries have in common has the same name and the same bytes.
  const byPath = new Map(bundled.flat().map((file) => [file.path, file]));
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function bundleEntry(
  [name, source]: readonly [string, string],
  { replacements, hasOauth }: Pick<LambdaFunction, 'replacements' | 'hasOauth'>,
): Promise<BundledFile[]> {
  const options = {
    entryPoints: { [name]: source },
    absWorkingDir: ROOT,
    outdir: FOLDER,
    outExtension: { '.js': '.mjs' },
    chunkNames: 'chunks/[name]-[hash]',
    write: false,
    logLevel: 'silent',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: TARGET.node,
    minify: true,
    legalComments: 'none',
    sourcemap: true,
    sourcesContent: false,
    banner: { js: REQUIRE },
    mainFields: ['module', 'main'], // prefer ES modules: only they can be tree-shaken
    external: [...NOT_BUNDLED],
    alias: { ...replacements },
  } satisfies BuildOptions;
  const always = [builtinsOnFirstUse, ...(hasOauth ? [] : [oauthLeftOut])];
  const { metafile } = await build({ ...options, metafile: true, plugins: [onlyWhatIsUsed(), ...always] });
  const plugins = [onlyWhatIsUsed(commonImports(metafile)), ...always];
  const { outputFiles } = await build({ ...options, plugins });
  return outputFiles.map(({ path, contents }) => ({ path: relative(`${ROOT}/${FOLDER}`, path), bytes: contents }));
}

/**
 * `import { z }` includes all of zod, with its messages in 50 languages; a namespace import can be tree-shaken: 346 KB less.
 * The code needs only version and description from package.json, and the bundle should not reveal the rest of it. `appended` are lines
 * to append to sources, by absolute path.
 */
export const onlyWhatIsUsed = (appended: ReadonlyMap<string, string> = new Map()): Plugin => ({
  name: 'only-what-is-used',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const contents = source.replace("import { z } from 'zod';", "import * as z from 'zod';");
      const imports = appended.get(path);
      return { contents: imports ? contents + imports : contents, loader: 'ts' };
    });
    onLoad({ filter: /\.m?js$/ }, async ({ path }) => {
      const imports = appended.get(path);
      return imports ? { contents: (await readFile(path, 'utf8')) + imports, loader: 'js' } : null;
    });
    onLoad({ filter: /package\.json$/ }, async ({ path }) => {
      if (path !== join(ROOT, 'package.json')) return null;
      const { version, description } = JSON.parse(await readFile(path, 'utf8'));
      return { contents: JSON.stringify({ version, description }), loader: 'json' };
    });
  },
});
