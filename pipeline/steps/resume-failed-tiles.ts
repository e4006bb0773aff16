// Step 1 of a retry: the tiles that an earlier execution did not analyze, and the keys of its tile results.
import { UserError } from '../contract/errors.ts';
import type { AnalysisRequest } from '../contract/schemas.ts';
import { documents, readDocument, writeDocument } from '../documents.ts';
import type { ResumedTiles } from '../planning/inspected.ts';
import { shardsOf, shardTilesMaxOf } from '../planning/shards.ts';
import type { PipelineDeps } from '../ports.ts';
import { stepDocuments } from '../step-documents.ts';
import { mergeSoFar } from './collect-tile-results.ts';

/** Throws a UserError if the earlier execution has stored no tile results. */
export async function resumeFailedTiles(
  request: AnalysisRequest,
  { execution_id }: { execution_id: string },
  { blobs, clock, limits }: PipelineDeps,
): Promise<ResumedTiles> {
  const [plan, mergedAtEnd] = await Promise.all([
    readDocument(documents.plan(execution_id), blobs),
    readDocument(stepDocuments.merged(execution_id), blobs),
  ]);
  const earlier = plan && mergedAtEnd ? { stored: plan, merged: mergedAtEnd } : await mergeSoFar(execution_id, { blobs });
  if (!earlier) {
    throw new UserError(`Execution ${execution_id} has no tile results to resume from. Start a new one with analyze_image.`);
  }
  const { stored, merged } = earlier;
  const { failed, not_analyzed } = merged.tiles;
  await writeDocument(documents.plan(request.execution_id), { ...stored, request }, blobs);
  const pendingTiles = [...failed, ...not_analyzed].map(({ tile }) => tile).sort((a, b) => a - b);
  return {
    inspected: {
      format: stored.format,
      plan: stored.plan,
      startedAt: clock.now().toISOString(),
      shards: shardsOf(pendingTiles.length, shardTilesMaxOf(request, limits.shardTilesMax)),
    },
    todo: pendingTiles,
    sources: merged.sources,
  };
}
