// Starts an execution, and records its time and caller. The record is not a part of the request, so the same request of another caller is
// the same execution.
import { UserError } from '../../pipeline/contract/errors.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import type { AnalysisRequest } from '../../pipeline/contract/schemas.ts';
import { documents, readDocument, writeNewDocument } from '../../pipeline/documents.ts';
import type { ToolDeps } from '../access/deps.ts';
import { deleteObjects, hasObjects } from './deletion.ts';
import { inTurn } from './execution-turns.ts';

/** The plan of a request whose caller asks for none. The order of the fields is a part of its id. */
export const WHOLE_IMAGE: AnalysisRequest['plan'] = {
  detail: 'standard',
  tile_size: null,
  overlap: null,
  grid: null,
  region: null,
  max_tiles: null,
  skip_blank: true,
};

export async function startExecution(request: AnalysisRequest, deps: ToolDeps): Promise<{ created: boolean }> {
  const start = () => startClean(request, deps);
  return await inTurn([request.execution_id, ...readBy(request)], async () =>
    // One after another, so that starts do not exceed the quota together.
    deps.quotas ? await inTurn([`starts of ${deps.owner}`], start) : await start(),
  );
}

/** The executions whose tiles and pyramid a retry or a question reads. */
function readBy({ retry_of, question }: AnalysisRequest): Set<string> {
  const read = [retry_of, question?.about ?? null].filter((earlier) => earlier !== null);
  return new Set(read.flatMap(({ execution_id, pyramid_of }) => [execution_id, pyramid_of]));
}

/** The id follows from the request, so objects of an earlier execution may be there that the launcher has forgotten. */
async function startClean(request: AnalysisRequest, deps: ToolDeps): Promise<{ created: boolean }> {
  const { launcher, blobs, caller, clock, quotas, owner } = deps;
  const { execution_id } = request;
  if (quotas && (await launcher.describe(execution_id)) === null) await quotas.checkStart(owner);
  if (await isForgotten(execution_id, deps)) await deleteObjects(execution_id, deps);
  for (const earlier of readBy(request)) await checkExists(earlier, request, blobs);
  for (const earlier of readBy(request)) await blobs.put(keys.resumedBy(earlier, execution_id), Buffer.from('{}'));
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

/** It may have been deleted since the retry or the question was asked for. */
async function checkExists(executionId: string, { question }: AnalysisRequest, blobs: ToolDeps['blobs']): Promise<void> {
  if (await hasObjects(executionId, blobs)) return;
  throw new UserError(
    question
      ? `Execution ${executionId} was deleted, so no question about it can be answered. Ask about the image itself.`
      : `Execution ${executionId} was deleted, so its tiles cannot be retried. Analyze the image again with analyze_image.`,
  );
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
