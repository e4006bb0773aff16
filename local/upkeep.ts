// Deletes uploads that no execution needs any more, and executions past their retention, while the server runs.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type DeletionDeps, deleteExecution } from '../mcp-server/executions/deletion.ts';
import { UserError } from '../pipeline/contract/errors.ts';
import { AnalysisRequest, ExecutionId } from '../pipeline/contract/schemas.ts';
import { documents, readDocument } from '../pipeline/documents.ts';
import type { Blobs, Clock, Log } from '../pipeline/ports.ts';
import { type DataFolder, deleteUploads } from './data-folder.ts';
import type { Engine } from './engine/engine.ts';
import { runningInputs } from './engine/local-launcher.ts';

const EVERY_MS = 3_600_000;
const UPLOAD_KEPT_MS = 24 * 3_600_000;
export const DAY_MS = 24 * 3_600_000;
/** The tiles of an image that was only viewed. Later views cut it again. */
const LOOK_KEPT_MS = DAY_MS;

export interface UpkeepDeps extends DeletionDeps {
  folder: DataFolder;
  engine: Pick<Engine, 'list'>;
  /** Days that an execution is kept after its end; `null` until it is deleted. */
  retentionDays: number | null;
  clock: Clock;
  log: Log;
}

/** Cleans up now and every hour, until the returned function is called. A failure is logged and tried again. */
export async function startUpkeep(deps: UpkeepDeps): Promise<() => void> {
  await cleanUp(deps);
  const timer = setInterval(() => void cleanUp(deps), EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

export async function cleanUp(deps: UpkeepDeps): Promise<void> {
  const { folder, engine, retentionDays, clock, log } = deps;
  const nowMs = clock.now().getTime();
  try {
    await deleteUploads(folder, uploadsInUse(engine), nowMs, UPLOAD_KEPT_MS);
    await deleteLooks(nowMs - LOOK_KEPT_MS, deps);
    if (retentionDays !== null) await deleteOlderThan(nowMs - retentionDays * DAY_MS, deps);
  } catch (error) {
    log.error({ error }, 'Old uploads and executions could not be deleted. The next attempt is in an hour.');
  }
}

/** Deletes the executions that stored nothing since `beforeMs`. Returns their ids, and the reasons for those that it could not delete. */
export async function deleteOlderThan(
  beforeMs: number,
  deps: DeletionDeps & { folder: DataFolder },
): Promise<{ deleted: string[]; refusals: string[] }> {
  return await deleteEach(await storedBefore(beforeMs, deps.folder, deps.blobs), deps);
}

/** Deletes what was stored for views alone, and not since `beforeMs`. */
async function deleteLooks(beforeMs: number, deps: DeletionDeps & { folder: DataFolder }): Promise<void> {
  const looks = [];
  for (const stored of await storedBefore(beforeMs, deps.folder, deps.blobs)) {
    if (!stored.executionId.startsWith('look-')) continue; // or the name of an image
    const plan = await readDocument(documents.plan(stored.executionId), deps.blobs).catch(() => null);
    if (plan?.request.purpose === 'look') looks.push(stored);
  }
  await deleteEach(looks, deps);
}

async function deleteEach(executions: readonly { executionId: string }[], deps: DeletionDeps) {
  const deleted: string[] = [];
  const refusals: string[] = [];
  for (const { executionId } of executions) {
    try {
      await deleteExecution(executionId, deps);
      deleted.push(executionId);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      refusals.push(error.message);
    }
  }
  return { deleted, refusals };
}

/** The newest first: an execution that resumes another one is deleted before it. */
async function storedBefore(beforeMs: number, { blobs: root }: DataFolder, blobs: Blobs) {
  const names = await readdir(join(root, 'executions')).catch(() => []);
  const stored: { executionId: string; updatedMs: number }[] = [];
  for (const executionId of names.filter((name) => ExecutionId.safeParse(name).success)) {
    const progress = await readDocument(documents.progress(executionId), blobs).catch(() => null);
    if (progress) stored.push({ executionId, updatedMs: Date.parse(progress.updated_at) });
  }
  return stored.filter(({ updatedMs }) => updatedMs < beforeMs).sort((a, b) => b.updatedMs - a.updatedMs);
}

/** Keys of the uploads that queued and running executions read. */
function uploadsInUse(engine: Pick<Engine, 'list'>): Set<string> {
  const sources = runningInputs(engine).map((input) => AnalysisRequest.safeParse(input).data?.image.source);
  return new Set(sources.flatMap((source) => (source?.kind === 'blob' ? [source.key] : [])));
}
