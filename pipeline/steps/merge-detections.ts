// Step 5: the looks of all shards → findings, as one object. Reads one shard's looks at a time.
import type { AnalysisRequest, FailedTile } from '../contract/schemas.ts';
import { totalUsage } from '../contract/usage.ts';
import { documents, readExisting, writeDocument } from '../documents.ts';
import type { Merged, MergeResult } from '../findings/merged.ts';
import { selectForVerification } from '../findings/verification.ts';
import type { SeenTile } from '../merging/detection-table.ts';
import { mergeDetections } from '../merging/merge.ts';
import { tileCount, tilesBetween } from '../planning/grid.ts';
import type { Plan } from '../planning/plan.ts';
import { type PendingTiles, type ShardResult, tilesOfShard } from '../planning/shards.ts';
import { notAnalyzed, type TileResult } from '../planning/tile-result.ts';
import type { PipelineDeps } from '../ports.ts';
import { failLostTiles } from '../progress/tile-state-writer.ts';

interface Looked {
  plan: Plan;
  todo: PendingTiles;
  shards: readonly ShardResult[];
  /** Keys of looks of earlier executions. */
  sources: readonly string[];
}

export async function merge(request: AnalysisRequest, looked: Looked, deps: PipelineDeps): Promise<MergeResult> {
  const { plan, shards } = looked;
  await failLostTiles(request, looked, deps);
  const sources = [...looked.sources, ...shards.flatMap(({ key }) => (key === null ? [] : [key]))];
  const { seen, failed, notes, ...counts } = await gathered(looked, sources, deps);
  const gaps = failed.map(({ tile }) => tile);
  const { findings, unsure } = mergeDetections(seen, plan, gaps);
  const stopped = shards.find((shard) => shard.stopped)?.stopped ?? null;
  const merged: Merged = {
    ...{ findings, unsure, stopped, sources, clipped: counts.clipped },
    tiles: { total: tileCount(plan), done: counts.done, blank: counts.blank, failed },
    usage: totalUsage(shards.map(({ usage }) => usage)),
    notes,
  };
  await writeDocument(documents.merged(request.execution_id), merged, deps.blobs);
  const doubtful = request.verify && stopped !== 'cancelled' ? selectForVerification(findings) : [];
  return { findings: findings.length, stopped, doubtful };
}

interface Gathered {
  /** Tiles that showed something, ascending. */
  seen: SeenTile[];
  failed: FailedTile[];
  done: number;
  blank: number;
  clipped: number;
  notes: string[];
}

/** One shard's looks at a time: of 100,000 tiles only those that showed something stay. */
async function gathered({ plan, todo, shards }: Looked, sources: readonly string[], { blobs }: PipelineDeps): Promise<Gathered> {
  const counted = new Uint8Array(tileCount(plan));
  const all: Gathered = { seen: [], failed: [], done: 0, blank: 0, clipped: 0, notes: [] };
  const notes = new Set<string>();
  const add = (index: number, outcome: TileResult) => {
    if (counted[index] !== 0) return; // a later look counts, not an earlier one
    counted[index] = 1;
    if ('failed' in outcome) {
      all.failed.push(outcome.failed);
      return;
    }
    all[outcome.blank ? 'blank' : 'done']++;
    all.clipped += outcome.clipped;
    for (const note of outcome.notes) notes.add(note);
    const [tile] = outcome.detections.length > 0 ? tilesBetween(plan, index, index + 1) : [];
    if (tile) all.seen.push({ tile, detections: outcome.detections });
  };
  for (const { shard, key, reason, stopped } of shards) {
    if (key === null)
      for (const tile of tilesOfShard(plan, todo, shard)) add(tile.index, notAnalyzed(tile, reason ?? '', stopped));
  }
  for (const key of sources.toReversed()) {
    for (const { tile, outcome } of await readExisting(documents.tileResults(key), blobs)) add(tile, outcome);
  }
  for (let index = counted.indexOf(0); index !== -1; index = counted.indexOf(0, index + 1)) {
    for (const tile of tilesBetween(plan, index, index + 1)) add(index, notAnalyzed(tile, 'This tile was lost.', null)); // never silently
  }
  return {
    ...all,
    seen: all.seen.sort((a, b) => a.tile.index - b.tile.index),
    failed: all.failed.sort((a, b) => a.tile - b.tile),
    notes: [...notes].sort(),
  };
}
