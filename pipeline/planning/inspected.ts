// What an execution knows before it analyzes a tile. Field names are stored: these are results of steps.
import { z } from 'zod';
import { Plan } from './plan.ts';
import { Shard } from './shards.ts';

/** The result of the step `inspect`, before anything is decoded. */
export const Inspected = z.object({
  format: z.string(),
  plan: Plan,
  /** ISO 8601. Taken inside the step, so that a resumed execution keeps it. */
  startedAt: z.string(),
  /** The boundaries of the shards over the pending tiles. Missing in results of version 0.1: read them with `storedShards`. */
  shards: z.array(Shard).optional(),
  /** What identifies the bytes that were inspected. Missing in results of version 0.1. */
  imageVersion: z.string().optional(),
});
export type Inspected = z.infer<typeof Inspected>;

/** The result of the step `take-up` of a retry: what an earlier execution did not analyze, and where its tile results are. */
export const ResumedTiles = z.object({
  inspected: Inspected,
  /** Indexes of the pending tiles, ascending. */
  todo: z.array(z.number().int()),
  /** Keys of the tile results of earlier executions, the earliest first. */
  sources: z.array(z.string()),
});
export type ResumedTiles = z.infer<typeof ResumedTiles>;
