// Starts an execution and records when, and its caller. The record is no part of the request, so that the same request of another caller is the
// same execution.
import type { AnalysisRequest } from '../../pipeline/contract/schemas.ts';
import { documents, readDocument, writeNewDocument } from '../../pipeline/documents.ts';
import type { ToolDeps } from '../access/deps.ts';

export async function startExecution(
  request: AnalysisRequest,
  { launcher, blobs, caller, clock }: ToolDeps,
): Promise<{ created: boolean }> {
  const { created } = await launcher.start(request);
  if (created) {
    const record = { principal: caller?.name ?? null, at: clock.now().toISOString() };
    await writeNewDocument(documents.startedBy(request.execution_id), record, blobs);
  }
  return { created };
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
