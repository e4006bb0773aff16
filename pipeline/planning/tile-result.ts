// What came of one tile: its detections, or why it has none. Field names are stored: they never change.
import { z } from 'zod';
import { Detection, FailedTile, Usage } from '../contract/schemas.ts';
import type { PlannedTile } from './grid.ts';
import { Stop } from './shards.ts';

export const AnalyzedTile = z.object({
  /** The tile has a single color: no model was called. */
  blank: z.boolean(),
  detections: z.array(Detection),
  usage: Usage,
  /** How many boxes reached out of the tile and were cut to it. */
  clipped: z.number().int(),
  /** How many entries of answers had no label or no box. Missing if none, and in version 0.1. */
  unreadable: z.number().int().optional(),
  notes: z.array(z.string()),
});
export type AnalyzedTile = z.infer<typeof AnalyzedTile>;

/**
 * The model is throttled for longer than a step should wait. `reason`: our own sentence. The tile waits `wait_s` seconds, or until the
 * tile `behind` has its result. If both are `null`, the model was throttled for too long.
 */
export const ThrottledTile = z.object({
  throttled: z.object({ reason: z.string(), behind: z.string().nullable(), wait_s: z.number().int().nullable() }),
});
export type ThrottledTile = z.infer<typeof ThrottledTile>;

/** No answer of the model could be used. `unusable`: our own sentence. Version 0.1 stored no cost: the step failed. */
export const UnusableTile = z.object({ unusable: z.string(), usage: Usage });

/** What a step of a tile decides for good. `unseen` if the execution was stopped before a model was called. */
export const EndedTile = z.union([z.object({ unseen: Stop }), UnusableTile, AnalyzedTile]);
export type EndedTile = z.infer<typeof EndedTile>;

export const TileStepResult = z.union([ThrottledTile, EndedTile]);
export type TileStepResult = z.infer<typeof TileStepResult>;

/** A tile that failed permanently, or was not analyzed, is a result too: its reason outlives the checkpoint of the map. */
export const TileResult = z.union([
  z.object({
    failed: FailedTile,
    stop: Stop.nullable(),
    /** What its answers have cost; missing if there were none. */
    usage: Usage.optional(),
  }),
  AnalyzedTile,
]);
export type TileResult = z.infer<typeof TileResult>;

/** The tiles of one shard. `tile` is an index in the plan. */
export const TileResults = z.array(z.object({ tile: z.number().int(), outcome: TileResult }));
export type TileResults = z.infer<typeof TileResults>;

/** The part of `TileResults` that says which tiles are blank. Cheaper to parse than the detections. */
export const BlankTiles = z.array(z.object({ tile: z.number().int(), outcome: z.object({ blank: z.boolean().default(false) }) }));

/** Why a tile was not analyzed once the run was stopped. */
export const NOT_ANALYZED: Record<Stop, string> = {
  cancelled: 'Not analyzed: the analysis was cancelled.',
  budget: 'Not analyzed: the budget of the request was spent.',
};

export function notAnalyzed(tile: Pick<PlannedTile, 'index' | 'box'>, reason: string, stop: Stop | null): TileResult {
  return { failed: { tile: tile.index, box: tile.box, reason }, stop };
}
