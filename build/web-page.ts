// Bundles the files of the local page: scripts, style and documents. `serve` calls it on the first request for the page. Writes
// nothing.
import { readdir, readFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { buildSync } from 'esbuild';
import type { PageFile } from '../local/web/web-routes.ts';
import { ROOT } from './functions.ts';

const FOLDER = join(ROOT, 'web');
/** Supported by browsers of the last three years. */
const TARGET = ['chrome120', 'firefox121', 'safari17.4'];
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** All files by base name. */
export async function pageFiles(): Promise<Map<string, PageFile>> {
  const files = [...bundledFiles(), ...(await writtenFiles())].map(({ name, bytes }) => {
    return [name, { bytes, contentType: CONTENT_TYPES[extname(name)] ?? 'application/octet-stream' }] as const;
  });
  return new Map(files);
}

/** Synchronous: about 0.1 s, once per process. */
function bundledFiles(): { name: string; bytes: Uint8Array }[] {
  const { outputFiles } = buildSync({
    entryPoints: ['executions/executions.ts', 'execution/execution.ts', 'shared/style.css'].map((name) => join(FOLDER, name)),
    outdir: FOLDER,
    ...{ write: false, logLevel: 'silent', bundle: true, splitting: true, format: 'esm', platform: 'browser', target: TARGET },
    ...{ minify: true, legalComments: 'none', chunkNames: 'chunk-[hash]' },
  });
  return outputFiles.map(({ path, contents }) => ({ name: basename(path), bytes: contents }));
}

async function writtenFiles(): Promise<{ name: string; bytes: Uint8Array }[]> {
  const files = (await readdir(FOLDER, { recursive: true })).filter((name) => ['.html', '.svg'].includes(extname(name)));
  return await Promise.all(files.map(async (file) => ({ name: basename(file), bytes: await readFile(join(FOLDER, file)) })));
}
