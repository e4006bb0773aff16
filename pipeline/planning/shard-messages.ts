// What an execution sends to the executions that analyze its shards, and what it gets back. Field names are stored: they never change.
import { z } from 'zod';
import { AnalysisRequest, Usage } from '../contract/schemas.ts';
import { Plan } from './plan.ts';
import { Shard, Stop, TileCounts } from './shards.ts';

/** The input of an execution that analyzes one shard for its parent execution. */
export const ShardRequest = z.object({
  kind: z.literal('shard'),
  request: AnalysisRequest,
  plan: Plan,
  shard: Shard,
  /** The pending tiles of this shard; `null` for all tiles in its range. */
  todo: z.array(z.number().int()).nullable(),
  max_cost_usd: z.number().nullable(),
});
export type ShardRequest = z.infer<typeof ShardRequest>;

/** The result of a shard: counts, and the key of its tile results. */
export const ShardResult = z.object({
  shard: Shard,
  /** `null` if the shard was not analyzed; `reason` then explains why. */
  key: z.string().nullable(),
  reason: z.string().nullable(),
  tiles: TileCounts,
  detections: z.number().int(),
  usage: Usage,
  stopped: Stop.nullable(),
  /** What its tiles have noted. Missing in results of version 0.1. */
  notes: z.array(z.string()).default([]),
});
export type ShardResult = z.infer<typeof ShardResult>;
