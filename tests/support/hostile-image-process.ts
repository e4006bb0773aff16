// Runs the tile step on malicious files in a process of its own: what it refuses, how much memory it takes, and what it leaves.
import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { at } from '../../pipeline/contract/at.ts';
import { temporaryFolder } from './folder.ts';

/** The tile step on each file, as the pipeline runs it, in one process of their own. Prints the errors and the peak memory. */
const CHILD = `
const [folder, ...paths] = process.argv.slice(1);
const { inspectImage } = await import('./pipeline/steps/inspect-image.ts');
const { tileImage } = await import('./pipeline/steps/tile-image.ts');
const { sourceImage } = await import('./pipeline/steps/source-image.ts');
const { DEFAULT_LIMITS } = await import('./pipeline/planning/image-limits.ts');
const { fsBlobs } = await import('./pipeline/storage/folder-blobs.ts');
const { stat } = await import('node:fs/promises');
const deps = { blobs: fsBlobs(folder + '/blobs'), clock: { now: () => new Date() }, scratchFolder: folder + '/scratch',
  limits: { image: DEFAULT_LIMITS } };
const errors = [];
for (const path of paths) {
  const { mtimeMs, size } = await stat(path);
  const named = { source: { kind: 'file', path }, uri: 'file://' + path, version: mtimeMs + '-' + size };
  const request = { execution_id: 'e1', image: named, page: 1, models: { detection: ['onnx:nanodet'] },
    ask: { look_for: null, labels: [] },
    plan: { detail: 'fine', tile_size: null, overlap: null, grid: null, region: null, max_tiles: null, skip_blank: true } };
  const image = sourceImage(request, deps);
  let error = null;
  try { await tileImage(request, await inspectImage(request, image, deps), image, deps); } catch (thrown) { error = { name: thrown.name, message: thrown.message }; }
  await image.release();
  errors.push(error);
}
console.log(JSON.stringify({ errors, rssBytes: process.resourceUsage().maxRSS * 1024 }));
`;

interface Outcome {
  errors: ({ name: string; message: string } | null)[];
  rssBytes: number;
}

export async function outcomeOf(...files: (Buffer | string)[]) {
  const folder = await temporaryFolder();
  const names = files.map((_, index) => `image-${index}.png`);
  await Promise.all(files.map((bytes, index) => writeFile(join(folder, at(names, index)), bytes)));
  for (const name of ['scratch', 'blobs']) await mkdir(join(folder, name));
  const args = ['--input-type=module', '--eval', CHILD, folder, ...names.map((name) => join(folder, name))];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: join(import.meta.dirname, '../..') });
  const outcome: Outcome = JSON.parse(stdout);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const left = entries.filter((entry) => !entry.isDirectory() && !names.includes(entry.name)).map(({ name }) => name);
  return { ...outcome, left };
}
