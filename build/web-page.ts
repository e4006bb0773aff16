// The files of the local page: scripts and style bundled for browsers, and the documents as they are. `serve` makes them when a browser
// asks for the page for the first time. Writes nothing.
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { buildSync } from 'esbuild';
import { filesByName, type NamedFile } from '../local/web/page-files.ts';
import type { PageFile } from '../local/web/web-routes.ts';
import { ROOT } from './functions.ts';

const FOLDER = join(ROOT, 'web');
const ENTRIES = ['executions/executions.ts', 'execution/execution.ts', 'shared/style.css'];
/** Browsers of the last three years. */
const TARGET = ['chrome120', 'firefox121', 'safari17.4'];
/** OpenSeadragon's and Flatbush's own: never quoted, never joined from parts. Short names take 22 KB less. */
const PRIVATE_PROPERTIES = /^_/;
const FIELDS_OF_MCP = /^_meta$/;

/** Throws if a file has no known type. */
export async function pageFiles(): Promise<Map<string, PageFile>> {
  return filesByName([...bundledFiles(), ...(await documents())]);
}

/** Takes 0.1 s, once. The synchronous call leaves no bundler process behind. */
function bundledFiles(): NamedFile[] {
  const { outputFiles } = buildSync({
    entryPoints: ENTRIES.map((name) => join(FOLDER, name)),
    outdir: FOLDER,
    entryNames: '[name]',
    chunkNames: 'chunk-[hash]',
    write: false,
    logLevel: 'silent',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: TARGET,
    minify: true,
    mangleProps: PRIVATE_PROPERTIES,
    reserveProps: FIELDS_OF_MCP,
    legalComments: 'none',
  });
  return outputFiles.map(({ path, contents }) => ({ path, bytes: contents }));
}

async function documents(): Promise<NamedFile[]> {
  const paths = (await readdir(FOLDER, { recursive: true })).filter((path) => ['.html', '.svg'].includes(extname(path)));
  return await Promise.all(paths.map(async (path) => ({ path, bytes: await readFile(join(FOLDER, path)) })));
}
