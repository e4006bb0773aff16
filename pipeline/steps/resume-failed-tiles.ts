// Step 1 of a retry: what an earlier execution left unseen, and where its looks are.
import { UserError } from '../contract/errors.ts';
import type { AnalysisRequest } from '../contract/schemas.ts';
import { documents, readDocument, writeDocument } from '../documents.ts';
import type { ResumedTiles } from '../planning/inspected.ts';
import type { PipelineDeps } from '../ports.ts';

export async function takeUp(
  request: AnalysisRequest,
  { execution_id }: { execution_id: string },
  deps: PipelineDeps,
): Promise<ResumedTiles> {
  const [stored, merged] = await Promise.all([
    readDocument(documents.plan(execution_id), deps.blobs),
    readDocument(documents.merged(execution_id), deps.blobs),
  ]);
  if (!stored || !merged) {
    throw new UserError(
      `Expected an execution that has looked at tiles, got ${execution_id}. Start a new one with analyze_image.`,
    );
  }
  const { plan, format, pyramid_of } = stored;
  await writeDocument(documents.plan(request.execution_id), { request, plan, format, pyramid_of }, deps.blobs);
  const startedAt = deps.clock.now().toISOString();
  const todo = merged.tiles.failed.map(({ tile }) => tile).sort((a, b) => a - b);
  return { inspected: { format, plan, startedAt }, todo, sources: merged.sources };
}
