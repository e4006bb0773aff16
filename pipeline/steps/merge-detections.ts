// Step 5: the looks of all shards → findings, as one object. Reads one shard's looks at a time.
import { z } from 'zod';
import { keys } from '../contract/keys.ts';
import { type AnalysisRequest, FailedTile, Finding, Usage } from '../contract/schemas.ts';
import { totalUsage } from '../contract/usage.ts';
import { worthASecondLook } from '../findings/verification.ts';
import type { SeenTile } from '../merging/detection-table.ts';
import { mergeDetections } from '../merging/merge.ts';
import { tileCount, tilesBetween } from '../planning/grid.ts';
import type { Plan } from '../planning/plan.ts';
import { type PendingTiles, type ShardResult, Stop, tilesOfShard } from '../planning/shards.ts';
import type { PipelineDeps } from '../ports.ts';
import { Looks, notSeen, type TileOutcome } from '../progress/tile-result.ts';
import { failLostTiles } from '../progress/tile-state-writer.ts';

/** `executions/<id>/merged.json`: what the last steps work on, and a retry takes up. */
export const Merged = z.object({
  findings: z.array(Finding),
  /** How many looks were too unsure to be a finding. */
  unsure: z.number().int(),
  tiles: z.object({ total: z.number().int(), done: z.number().int(), blank: z.number().int(), failed: z.array(FailedTile) }),
  /** Boxes that reached out of their tile. */
  clipped: z.number().int(),
  /** Of this execution's looks, not of those that it took up. */
  usage: Usage,
  notes: z.array(z.string()),
  stopped: Stop.nullable(),
  sources: z.array(z.string()),
});
export type Merged = z.infer<typeof Merged>;

export const MergeResult = z.object({
  findings: z.number().int(),
  stopped: Stop.nullable(),
  /** Those that deserve a second look; none unless it was asked for. */
  doubtful: z.array(Finding),
});
export type MergeResult = z.infer<typeof MergeResult>;

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
  await deps.blobs.put(keys.merged(request.execution_id), Buffer.from(JSON.stringify(merged)));
  const doubtful = request.verify && stopped !== 'cancelled' ? worthASecondLook(findings) : [];
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
  const add = (index: number, outcome: TileOutcome) => {
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
    if (key === null) for (const tile of tilesOfShard(plan, todo, shard)) add(tile.index, notSeen(tile, reason ?? '', stopped));
  }
  for (const key of sources.toReversed()) {
    const bytes = await blobs.get(key);
    if (!bytes) throw new Error(`Expected the looks of a shard at ${key}, got nothing.`);
    for (const { tile, outcome } of Looks.parse(JSON.parse(Buffer.from(bytes).toString()))) add(tile, outcome);
  }
  for (let index = counted.indexOf(0); index !== -1; index = counted.indexOf(0, index + 1)) {
    for (const tile of tilesBetween(plan, index, index + 1)) add(index, notSeen(tile, 'This tile was lost.', null)); // never silently
  }
  return {
    ...all,
    seen: all.seen.sort((a, b) => a.tile.index - b.tile.index),
    failed: all.failed.sort((a, b) => a.tile - b.tile),
    notes: [...notes].sort(),
  };
}

/** Null when the execution has not come so far. */
export async function readMerged(executionId: string, { blobs }: Pick<PipelineDeps, 'blobs'>): Promise<Merged | null> {
  const bytes = await blobs.get(keys.merged(executionId));
  return bytes && Merged.parse(JSON.parse(Buffer.from(bytes).toString()));
}
