// Opens the data folder of a local deployment: makes it private to its user, and reports in one sentence what is wrong with it.
import { chmod, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, UserError } from '../pipeline/contract/errors.ts';
import { PARTS_FOLDER } from '../pipeline/storage/folder-blobs.ts';

/** Other users of this machine must not read images and findings. */
const PRIVATE_FOLDER = 0o700;

export interface DataFolder {
  database: string;
  secret: string;
  blobs: string;
  scratch: string;
}

/**
 * Creates what is missing and makes the folder private. Throws a UserError if a file is where a folder must be, or the reverse, or if the
 * folder cannot be written.
 */
export async function openDataFolder(root: string): Promise<DataFolder> {
  const folder = {
    database: join(root, 'engine.db'),
    secret: join(root, 'secret.key'),
    blobs: join(root, 'blobs'),
    scratch: join(root, 'scratch'),
  };
  for (const path of [root, folder.blobs, join(folder.blobs, 'uploads')]) await makeFolder(path);
  await chmod(root, PRIVATE_FOLDER).catch((cause) => {
    throw cannotUse(root, cause);
  });
  for (const path of [folder.database, folder.secret]) {
    const found = await stat(path).catch(() => null);
    if (found && !found.isFile())
      throw new UserError(`${path} must be a file, but is not. Move it away, or choose another data folder.`);
  }
  return folder;
}

/** Temporary files of one worker process, which may be killed at any time. */
export function workerScratch(scratch: string, pid: number): string {
  return join(scratch, `worker-${pid}`);
}

/** Deletes what a process that was killed could not. Only the server that uses the folder may call this. */
export async function emptyLeftovers({ blobs, scratch }: DataFolder): Promise<void> {
  await rm(join(blobs, PARTS_FOLDER), { recursive: true, force: true });
  await rm(scratch, { recursive: true, force: true });
  await makeFolder(scratch);
}

/** Uploads that are older than `keptMs`, except for those whose keys are `needed`. */
export async function deleteUploads(
  { blobs }: DataFolder,
  needed: ReadonlySet<string>,
  nowMs: number,
  keptMs: number,
): Promise<void> {
  const uploads = join(blobs, 'uploads');
  for (const entry of await readdir(uploads, { withFileTypes: true })) {
    if (!entry.isFile() || needed.has(`uploads/${entry.name}`)) continue;
    const found = await stat(join(uploads, entry.name)).catch(() => null);
    if (found && nowMs - found.mtimeMs > keptMs) await rm(join(uploads, entry.name), { force: true });
  }
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: PRIVATE_FOLDER });
  } catch (cause) {
    throw cannotUse(path, cause);
  }
}

function cannotUse(path: string, cause: unknown): UserError {
  const code = codeOf(cause) || 'unknown error';
  const reason = ['EEXIST', 'ENOTDIR'].includes(code) ? 'a file is in its place' : code;
  return new UserError(
    `Cannot use the folder ${path} (${reason}). Move the file away, or choose another data folder with --data.`,
    {
      cause,
    },
  );
}
