// Reads the outcome of the detect map: what each tile showed, and why some tiles show nothing.
import type { BatchResult } from '@aws/durable-execution-sdk-js';
import type { FailedTile, Usage } from '../core/contract.ts';
import { sentenceOf } from '../core/errors.ts';
import type { SeenTile } from '../core/look.ts';
import type { PlannedTile } from '../core/plan.ts';
import { totalUsage } from '../core/usage.ts';
import type { LookedTile } from './detect.ts';

export interface Looks {
  seen: SeenTile[];
  done: number;
  failed: FailedTile[];
  notes: string[];
  usageWith(more: Usage): Usage;
}

/** Every tile is in `seen` or in `failed`: none is lost. */
export function lookedOf(looks: BatchResult<LookedTile>, tiles: readonly PlannedTile[], before: Usage): Looks {
  const looked = new Map(looks.succeeded().map(({ index, result }) => [index, result]));
  const errors = new Map(looks.failed().map(({ index, error }) => [index, error]));
  const seen = tiles.flatMap((tile) => {
    const result = looked.get(tile.index);
    return result ? [{ tile, detections: result.detections }] : [];
  });
  const failed = tiles.filter((tile) => !looked.has(tile.index)).map((tile) => failedTile(tile, errors.get(tile.index)));
  const results = [...looked.values()];
  const notes = [...new Set(results.flatMap((result) => result.notes))].sort();
  const usages = [before, ...results.map(({ usage }) => usage)];
  return { seen, done: seen.length, failed, notes, usageWith: (more) => totalUsage([...usages, more]) };
}

/** The reason is one of our own sentences: what a model or a library said stays in the log. */
export function failedTile(tile: PlannedTile, error: unknown): FailedTile {
  return { tile: tile.index, box: tile.box, reason: sentenceOf(error) ?? 'The model failed on this tile.' };
}
