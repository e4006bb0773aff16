// Replaces build/web-page.ts in the npm package: reads the page that the build has made.
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { filesByName } from '../../local/web/page-files.ts';
import type { PageFile } from '../../local/web/web-routes.ts';

export async function pageFiles(): Promise<Map<string, PageFile>> {
  const folder = dirname(createRequire(import.meta.url).resolve('#page/execution.html'));
  const names = await readdir(folder);
  return filesByName(await Promise.all(names.map(async (path) => ({ path, bytes: await readFile(join(folder, path)) }))));
}
