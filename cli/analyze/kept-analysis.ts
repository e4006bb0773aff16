// Keeps an analysis of `tilesight analyze` until all of its tiles are analyzed and written, so that the same command continues it after
// Ctrl-C, a crash, a full disk or failed tiles. Must not know servers or tools.
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { writeWhole } from '../write-whole.ts';

const KEPT_MS = 7 * 24 * 3_600_000; // an analysis that was not continued by then is given up
const STEM_CHARACTERS_MAX = 40;
const HASH_CHARACTERS = 16;
const EXECUTION_FILE = 'execution-id';

export interface KeptAnalysis {
  /** The data folder of the analysis: uploads, engine and results. */
  folder: string;
  /** The execution that an earlier run of the same command started; `null` if none did. */
  executionId: string | null;
  keep(executionId: string): Promise<void>;
  remove(): Promise<void>;
}

/**
 * The analysis of the file at `path`, with `request` being everything else that its findings depend on. A file that has changed since
 * is another analysis. `fresh` forgets the one that was kept. Removes analyses that were not continued in time.
 */
export async function keptAnalysis(home: string, path: string, request: unknown, fresh = false): Promise<KeptAnalysis> {
  const analyses = join(home, 'analyses');
  await sweep(analyses);
  const { size, mtimeMs } = await stat(path);
  const hash = createHash('sha256')
    .update(JSON.stringify([path, size, mtimeMs, request]))
    .digest('hex');
  const stem = basename(path)
    .replace(/[^\w.-]+/g, '-')
    .slice(0, STEM_CHARACTERS_MAX);
  const folder = join(analyses, `${stem}-${hash.slice(0, HASH_CHARACTERS)}`);
  if (fresh) await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, EXECUTION_FILE);
  return {
    folder,
    executionId: await readFile(file, 'utf8').catch(() => null),
    keep: (executionId) => writeWhole(file, Buffer.from(executionId)),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** The time of a folder is that of its last new file: a running analysis is never as old. */
async function sweep(analyses: string): Promise<void> {
  for (const name of await readdir(analyses).catch(() => [])) {
    const folder = join(analyses, name);
    const found = await stat(folder).catch(() => null);
    if (found && Date.now() - found.mtimeMs > KEPT_MS) await rm(folder, { recursive: true, force: true });
  }
}
