// Step 5: merges the tile results of all shards into findings, and stores them as one document. Reads one shard at a time.
import type { AnalysisRequest, FailedTile } from '../contract/schemas.ts';
import { totalUsage } from '../contract/usage.ts';
import { readExisting, writeDocument } from '../documents.ts';
import type { Merged, MergeResult } from '../findings/merged.ts';
import { selectForVerification } from '../findings/verification.ts';
import { mergeDetections } from '../merging/merge.ts';
import type { TileDetections } from '../merging/table-of-tiles.ts';
import { tileCount, tilesBetween } from '../planning/grid.ts';
import type { Plan } from '../planning/plan.ts';
import type { ShardResult } from '../planning/shard-messages.ts';
import { type PendingTiles, tilesOfShard } from '../planning/shards.ts';
import { notAnalyzed, type TileResult } from '../planning/tile-result.ts';
import type { PipelineDeps } from '../ports.ts';
import { failLostTiles } from '../progress/tile-state-writer.ts';
import { stepDocuments } from '../step-documents.ts';

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
  const collected = await collectTileResults(detected, sources, deps);
  const { done, blank, failed, clipped, notes } = collected;
  const { findings, lowConfidence } = mergeDetections(
    collected.detected,
    plan,
    failed.map(({ tile }) => tile),
  );
  const stopped = shards.find((shard) => shard.stopped)?.stopped ?? null;
  const merged: Merged = {
    findings,
    unsure: lowConfidence,
    tiles: { total: tileCount(plan), done, blank, failed },
    clipped,
    usage: totalUsage(shards.map(({ usage }) => usage)),
    notes,
    stopped,
    sources,
  };
  await writeDocument(stepDocuments.merged(request.execution_id), merged, deps.blobs);
  const findingsToVerify = request.verify && stopped !== 'cancelled' ? selectForVerification(findings) : [];
  return { findings: findings.length, stopped, doubtful: findingsToVerify };
}

interface CollectedTiles {
  /** Tiles with detections, ascending. */
  detected: TileDetections[];
  /** Ascending. */
  failed: FailedTile[];
  done: number;
  blank: number;
  clipped: number;
  notes: string[];
}

/** The latest result of every tile. Of 100,000 tiles, only those with detections stay in memory. */
async function collectTileResults(
  { plan, pendingTiles, shards }: DetectedShards,
  sources: readonly string[],
  { blobs }: PipelineDeps,
): Promise<CollectedTiles> {
  const counted = new Uint8Array(tileCount(plan));
  const collected: CollectedTiles = { detected: [], failed: [], done: 0, blank: 0, clipped: 0, notes: [] };
  const notes = new Set<string>();
  const add = (index: number, result: TileResult) => {
    if (counted[index] !== 0) return;
    counted[index] = 1;
    if ('failed' in result) {
      collected.failed.push(result.failed);
      return;
    }
    collected[result.blank ? 'blank' : 'done']++;
    collected.clipped += result.clipped;
    for (const note of result.notes) notes.add(note);
    const [tile] = result.detections.length > 0 ? tilesBetween(plan, index, index + 1) : [];
    if (tile) collected.detected.push({ tile, detections: result.detections });
  };
  for (const { shard, key, reason, stopped } of shards) {
    if (key !== null) continue;
    if (reason === null) throw new Error(`Expected a reason why shard ${shard.number} has no tile results.`);
    for (const tile of tilesOfShard(plan, pendingTiles, shard)) add(tile.index, notAnalyzed(tile, reason, stopped));
  }
  // The first result of a tile counts: the latest come first.
  for (const key of sources.toReversed()) {
    for (const { tile, outcome } of await readExisting(stepDocuments.tileResults(key), blobs)) add(tile, outcome);
  }
  // A tile without any result is reported, never silently empty.
  for (let index = counted.indexOf(0); index !== -1; index = counted.indexOf(0, index + 1)) {
    for (const tile of tilesBetween(plan, index, index + 1)) add(index, notAnalyzed(tile, 'This tile was lost.', null));
  }
  collected.detected.sort((a, b) => a.tile.index - b.tile.index);
  collected.failed.sort((a, b) => a.tile - b.tile);
  return { ...collected, notes: [...notes].sort() };
}
