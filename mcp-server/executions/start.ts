// Starts an execution and records when, and its caller. The record is no part of the request, so that the same request of another caller is the
// same execution.
import { keys } from '../../pipeline/contract/keys.ts';
import { lru } from '../../pipeline/contract/lru.ts';
import type { AnalysisRequest } from '../../pipeline/contract/schemas.ts';
import { documents, readDocument, writeNewDocument } from '../../pipeline/documents.ts';
import type { ToolDeps } from '../access/deps.ts';
import { deleteObjects, hasObjects } from './deletion.ts';

const STARTS_KEPT_MAX = 1_000;

/** Starts of the same execution wait for each other: one must not delete what another has begun to store. */
const starts = lru<string, Promise<unknown>>(STARTS_KEPT_MAX);

export async function startExecution(request: AnalysisRequest, deps: ToolDeps): Promise<{ created: boolean }> {
  const { execution_id } = request;
  const before = starts.get(execution_id)?.catch(() => {}) ?? Promise.resolve();
  const started = before.then(() => startClean(request, deps));
  starts.set(execution_id, started);
  return await started;
}

/** The id follows from the request, so objects of an earlier execution may be there that the launcher has forgotten. */
async function startClean(request: AnalysisRequest, deps: ToolDeps): Promise<{ created: boolean }> {
  const { launcher, blobs, caller, clock, quotas, owner } = deps;
  const { execution_id, retry_of } = request;
  if (quotas && (await launcher.describe(execution_id)) === null) await quotas.checkStart(owner);
  if (await isForgotten(execution_id, deps)) await deleteObjects(execution_id, deps);
  const readers = new Set(retry_of ? [retry_of.execution_id, retry_of.pyramid_of] : []);
  for (const earlier of readers) await blobs.put(keys.resumedBy(earlier, execution_id), Buffer.from('{}'));
  let { created } = await launcher.start(request);
  // The reverse: the launcher knows the execution, and its results were deleted by hand.
  if (!created && (await hasLostResults(execution_id, deps)) && (await launcher.forget(execution_id)) === 'forgotten') {
    await deleteObjects(execution_id, deps);
    ({ created } = await launcher.start(request));
  }
  if (created) {
    const record = { principal: caller?.name ?? null, at: clock.now().toISOString() };
    await writeNewDocument(documents.startedBy(execution_id), record, blobs);
  }
  return { created };
}

async function isForgotten(executionId: string, { blobs, launcher }: ToolDeps): Promise<boolean> {
  return (await hasObjects(executionId, blobs)) && (await launcher.describe(executionId)) === null;
}

async function hasLostResults(executionId: string, { blobs, launcher }: ToolDeps): Promise<boolean> {
  if (await blobs.head(keys.progress(executionId))) return false;
  return (await launcher.describe(executionId))?.state === 'succeeded';
}

/** The name of the caller that started the execution; `null` if callers are not known. */
export async function starterOf(executionId: string, { blobs }: Pick<ToolDeps, 'blobs'>): Promise<string | null> {
  return (await readDocument(documents.startedBy(executionId), blobs))?.principal ?? null;
}

/**
 * When the execution was started; `null` for those of earlier versions. Unlike `started_at` of its progress, which a worker writes
 * once it begins, this time never changes.
 */
export async function creationOf(executionId: string, { blobs }: Pick<ToolDeps, 'blobs'>): Promise<string | null> {
  return (await readDocument(documents.startedBy(executionId), blobs))?.at ?? null;
}
