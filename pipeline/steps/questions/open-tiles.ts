// Step 1 of a question about an earlier execution: takes over its plan, and so its tiles.
import { UserError } from '../../contract/errors.ts';
import type { AnalysisRequest } from '../../contract/schemas.ts';
import { documents, readDocument, writeDocument } from '../../documents.ts';
import type { Inspected } from '../../planning/inspected.ts';
import type { PipelineDeps } from '../../ports.ts';

/** Throws a UserError if the earlier execution has no tiles. */
export async function openTiles(
  request: AnalysisRequest,
  { execution_id }: { execution_id: string },
  { blobs, clock }: PipelineDeps,
): Promise<Inspected> {
  const stored = await readDocument(documents.plan(execution_id), blobs);
  if (!stored) {
    throw new UserError(`Execution ${execution_id} was deleted, or its image is not cut into tiles. Ask about the image itself.`);
  }
  await writeDocument(documents.plan(request.execution_id), { ...stored, request }, blobs);
  return { format: stored.format, plan: stored.plan, startedAt: clock.now().toISOString() };
}
