// Step 5: merges the tile results of all shards into findings, and stores them as one document. Reads one shard at a time.
import type { AnalysisRequest } from '../contract/schemas.ts';
import { totalUsage } from '../contract/usage.ts';
import { writeDocument } from '../documents.ts';
import { selectDisputes } from '../findings/disputes.ts';
import type { Merged, MergeResult } from '../findings/merged.ts';
import { selectForVerification } from '../findings/verification.ts';
import type { Plan } from '../planning/plan.ts';
import type { ShardResult } from '../planning/shard-messages.ts';
import { type PendingTiles, tilesOfShard, VERIFICATIONS_MAX } from '../planning/shards.ts';
import { notAnalyzed, type TileResult } from '../planning/tile-result.ts';
import type { PipelineDeps } from '../ports.ts';
import { failLostTiles } from '../progress/tile-state-writer.ts';
import { stepDocuments } from '../step-documents.ts';
import { collectTileResults, mergeCollected } from './collect-tile-results.ts';

/** What detection has left. */
interface DetectedShards {
  plan: Plan;
  pendingTiles: PendingTiles;
  shards: readonly ShardResult[];
  /** Keys of the tile results of earlier executions, the earliest first. */
  sources: readonly string[];
}

export async function mergeTileResults(
  request: AnalysisRequest,
  detected: DetectedShards,
  deps: PipelineDeps,
): Promise<MergeResult> {
  const { plan, shards } = detected;
  await failLostTiles(request, detected, deps);
  const sources = [...detected.sources, ...shards.flatMap(({ key }) => (key === null ? [] : [key]))];
  const collected = await collectTileResults(plan, sources, notAnalyzedTiles(detected), deps);
  const stopped = shards.find((shard) => shard.stopped)?.stopped ?? null;
  const mergedTiles = mergeCollected(plan, request, collected);
  const { groups, notes } = stopped === 'cancelled' ? { groups: [], notes: [] } : selectDisputes(mergedTiles.findings, request);
  const merged: Merged = {
    ...mergedTiles,
    notes: [...mergedTiles.notes, ...notes],
    usage: totalUsage(shards.map(({ usage }) => usage)),
    stopped,
    sources,
  };
  await writeDocument(stepDocuments.merged(request.execution_id), merged, deps.blobs);
  const verificationsMax = VERIFICATIONS_MAX - groups.length;
  const doubtful =
    request.verify && stopped !== 'cancelled'
      ? selectForVerification(merged.findings, verificationsMax, new Set(groups.flat()))
      : [];
  const result: MergeResult = { findings: merged.findings.length, stopped, doubtful };
  if (groups.length > 0) result.disputes = groups;
  return result;
}

/** The tiles of shards without results, with the reason. */
function notAnalyzedTiles({ plan, pendingTiles, shards }: DetectedShards): Map<number, TileResult> {
  const results = new Map<number, TileResult>();
  for (const { shard, key, reason, stopped } of shards) {
    if (key !== null) continue;
    if (reason === null) throw new Error(`Expected a reason why shard ${shard.number} has no tile results.`);
    for (const tile of tilesOfShard(plan, pendingTiles, shard)) results.set(tile.index, notAnalyzed(tile, reason, stopped));
  }
  return results;
}
