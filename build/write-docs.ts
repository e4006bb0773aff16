// `npm run docs`: writes the generated pages of docs/; with `-- --check` it fails if one of them is stale. A page is a module in
// build/docs/ whose name ends in -page.ts, and which writes or checks its page when it is imported.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

const FOLDER = join(import.meta.dirname, 'docs');

const names = (await readdir(FOLDER)).filter((name) => name.endsWith('-page.ts') && name !== 'generated-page.ts');
for (const name of names.sort()) await import(join(FOLDER, name));
