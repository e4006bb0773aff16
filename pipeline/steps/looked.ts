// Reads the outcome of the detect map: what each tile showed, and why some tiles show nothing.
import type { BatchResult } from '@aws/durable-execution-sdk-js';
import type { FailedTile, Usage } from '../core/contract.ts';
import { sentenceOf } from '../core/errors.ts';
import type { SeenTile } from '../core/look.ts';
import type { PlannedTile } from '../core/plan.ts';
import { totalUsage } from '../core/usage.ts';
import type { LookedTile } from './detect.ts';

/** A tile that failed for good is a result, so that its reason outlives the checkpoint of the map. */
export type TileOutcome = LookedTile | { failed: FailedTile };

export interface Looks {
  seen: SeenTile[];
  done: number;
  blank: number;
  failed: FailedTile[];
  /** Boxes that reached out of their tile. */
  clipped: number;
  notes: string[];
  usageWith(more: readonly Usage[]): Usage;
}

/** Every tile is in `seen` or in `failed`: none is lost. */
export function lookedOf(looks: BatchResult<TileOutcome>, tiles: readonly PlannedTile[], before: Usage): Looks {
  const outcomes = new Map(looks.succeeded().map(({ index, result }) => [index, result]));
  const seen: SeenTile[] = [];
  const failed: FailedTile[] = [];
  for (const tile of tiles) {
    const outcome = outcomes.get(tile.index) ?? { failed: failedTile(tile, null) };
    if ('failed' in outcome) failed.push(outcome.failed);
    else seen.push({ tile, detections: outcome.detections });
  }
  const results = [...outcomes.values()].flatMap((outcome) => ('failed' in outcome ? [] : [outcome]));
  const notes = [...new Set(results.flatMap((result) => result.notes))].sort();
  const usages = [before, ...results.map(({ usage }) => usage)];
  const blank = results.filter((result) => result.blank).length;
  const clipped = results.reduce((sum, result) => sum + result.clipped, 0);
  return {
    seen,
    done: seen.length - blank,
    blank,
    failed,
    clipped,
    notes,
    usageWith: (more) => totalUsage([...usages, ...more]),
  };
}

/** The reason is one of our own sentences: what a model or a library said stays in the log. */
export function failedTile(tile: PlannedTile, error: unknown): FailedTile {
  return { tile: tile.index, box: tile.box, reason: sentenceOf(error) ?? 'The model failed on this tile.' };
}
