// Bundles the npm package: JavaScript for Node, in chunks that load on first use, with everything but sharp. Writes nothing.
import { join, relative } from 'node:path';
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild';
import { type BundledFile, onlyWhatIsUsed, REQUIRE } from '../bundle.ts';
import { ROOT } from '../functions.ts';
import { ENTRIES, NODE_TARGET, NOT_BUNDLED, REPLACED } from './layout.ts';
import { bindingOf } from './runtimes.ts';

const FOLDER = 'dist/package';

/** The files of dist/, and which packages they come from. */
export async function bundlePackage(): Promise<{ files: BundledFile[]; metafile: Metafile }> {
  const options = {
    entryPoints: { ...ENTRIES },
    absWorkingDir: ROOT,
    outdir: FOLDER,
    outExtension: { '.js': '.mjs' },
    chunkNames: 'chunks/[name]-[hash]',
    write: false,
    metafile: true,
    logLevel: 'silent',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: NODE_TARGET,
    minify: true,
    legalComments: 'none', // THIRD_PARTY_NOTICES.txt has the licenses
    banner: { js: REQUIRE },
    mainFields: ['module', 'main'],
    external: [...NOT_BUNDLED],
    plugins: [inOtherForm, onlyWhatIsUsed()],
  } satisfies BuildOptions;
  const { outputFiles, metafile } = await build(options);
  return {
    files: outputFiles.map(({ path, contents }) => ({ path: relative(join(ROOT, FOLDER), path), bytes: contents })),
    metafile,
  };
}

const inOtherForm: Plugin = {
  name: 'in-other-form',
  setup({ onResolve, onLoad }) {
    for (const { import: filter, by } of REPLACED) onResolve({ filter }, () => ({ path: join(ROOT, by) }));
    onLoad({ filter: /[\\/]onnxruntime-node[\\/]dist[\\/]binding\.js$/ }, async ({ path }) => ({
      contents: await bindingOf(path),
      loader: 'js',
    }));
  },
};
