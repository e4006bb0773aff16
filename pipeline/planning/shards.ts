// Divides the tiles of a large plan into shards, each small enough for one durable execution. Pure.
import { z } from 'zod';
import { UserError } from '../contract/errors.ts';
import { SHARD_TILES_MAX, SHARD_TILES_MAX_OF_0_1 } from '../contract/protocol.ts';
import { type AnalysisRequest, TileTotals, Usage } from '../contract/schemas.ts';
import { totalUsage } from '../contract/usage.ts';
import { isAgent } from '../providers/agent-model.ts';
import { type PlannedTile, tileCount, tilesBetween } from './grid.ts';
import type { Plan } from './plan.ts';

/**
 * The most operations in one durable execution, its first one and every retry included: Lambda quotas, "Durable functions". With
 * every attempt of every tile and every verification that is 884 tiles: SHARD_TILES_MAX is rounded down.
 */
const OPERATIONS_MAX = 3_000;
/** The most attempts of a step. Each attempt is an operation. */
export const ATTEMPTS_MAX = 3;
/** The most calls of the verification model and the judge in one execution: a tenth of the tiles it may analyze. */
export const VERIFICATIONS_MAX = 100;
/** All other operations: 12 steps, maps and the execution itself, some of them tried three times, and two with a model eight times. */
const OTHER_OPERATIONS_MAX = 46;

/** The most tiles in a shard whose tiles wait for an agent: its rounds need operations, too. */
const AGENT_SHARD_TILES_MAX = 700;
/** A callback and a step, tried as often as any, for 64 rounds and two more. */
const AGENT_OPERATIONS_MAX = (64 + 2) * (1 + ATTEMPTS_MAX);

/** A shard needs three operations in the execution that starts it: its context, the check before it, and its invocation. */
const OPERATIONS_PER_SHARD = 3;

/** A range of the pending tiles: from `from` up to, but not including, `to`. */
export const Shard = z.object({ number: z.number().int(), from: z.number().int(), to: z.number().int() });
export type Shard = z.infer<typeof Shard>;

/** Indexes of the tiles to analyze, for example those that an earlier execution left; `null` for all tiles of the plan. */
export type PendingTiles = readonly number[] | null;

/** Why an execution stopped before it had analyzed all tiles. */
export const Stop = z.enum(['cancelled', 'budget']);
export type Stop = z.infer<typeof Stop>;

export const TileCounts = TileTotals.omit({ total: true });
export type TileCounts = z.infer<typeof TileCounts>;

/** Tiles that need no more work. */
export function endedTiles({ done, failed, blank, not_analyzed }: TileCounts): number {
  return done + failed + blank + not_analyzed;
}

export function sumOfCounts(counts: readonly { tiles: TileCounts; detections: number; usage: Usage }[]): {
  tiles: TileCounts;
  detections: number;
  usage: Usage;
} {
  const sum = (of: (count: (typeof counts)[number]) => number) => counts.reduce((total, count) => total + of(count), 0);
  return {
    tiles: {
      done: sum(({ tiles }) => tiles.done),
      failed: sum(({ tiles }) => tiles.failed),
      blank: sum(({ tiles }) => tiles.blank),
      not_analyzed: sum(({ tiles }) => tiles.not_analyzed),
    },
    detections: sum(({ detections }) => detections),
    usage: totalUsage(counts.map(({ usage }) => usage)),
  };
}

/** `executions/<id>/progress/<shard>.json`, stored while the shard runs. */
export const ShardProgress = z.object({
  tiles: TileCounts,
  detections: z.number().int(),
  usage: Usage,
  notes: z.array(z.string()).default([]),
  /** ISO 8601. */
  updated_at: z.string(),
});
export type ShardProgress = z.infer<typeof ShardProgress>;

/**
 * Divides `tiles` pending tiles into shards of about equal size. Neighboring tiles stay together, so that their reads coalesce.
 * The execution itself analyzes a single shard. Call this inside a step only: a replay must find the same boundaries.
 */
export function shardsOf(tiles: number, shardTilesMax = SHARD_TILES_MAX): Shard[] {
  const count = Math.max(1, Math.ceil(tiles / shardTilesMax));
  const size = Math.ceil(tiles / count);
  return Array.from({ length: count }, (_, number) => ({
    number,
    from: number * size,
    to: Math.min(tiles, (number + 1) * size),
  }));
}

/** The most tiles in a shard of this request, where a deployment allows `tilesMax`. */
export function shardTilesMaxOf({ models }: { models?: Partial<AnalysisRequest['models']> }, tilesMax = SHARD_TILES_MAX): number {
  return models?.detection?.some(isAgent) ? Math.min(AGENT_SHARD_TILES_MAX, tilesMax) : tilesMax;
}

/** The boundaries that a step stored for `tiles` pending tiles. Steps of version 0.1 stored none, and always used the same size. */
export function storedShards(stored: Shard[] | undefined, tiles: number): Shard[] {
  return stored ?? shardsOf(tiles, SHARD_TILES_MAX_OF_0_1);
}

export function pendingTileCount(plan: Plan, pendingTiles: PendingTiles): number {
  return pendingTiles === null ? tileCount(plan) : pendingTiles.length;
}

export function tilesOfShard(plan: Plan, pendingTiles: PendingTiles, { from, to }: Pick<Shard, 'from' | 'to'>): PlannedTile[] {
  if (pendingTiles === null) return tilesBetween(plan, from, to);
  return pendingTiles.slice(from, to).flatMap((index) => tilesBetween(plan, index, index + 1));
}

/** Throws a UserError if the tiles need more operations than one execution may have, retries included. */
export function checkOperations(tiles: number, request: VerifiedRequest): void {
  const operations = operationsAtMost(tiles, request);
  if (operations <= OPERATIONS_MAX) return;
  throw new UserError(
    `${tiles} tiles may need ${operations} operations in one execution; at most ${OPERATIONS_MAX} are allowed. ` +
      'Use max_tiles, larger tiles, or a region.',
  );
}

/** Operations that are left in an execution that analyzes these tiles itself, if every step needs all its attempts. */
export function spareOperations(tiles: number): number {
  return Math.max(0, OPERATIONS_MAX - (tiles + VERIFICATIONS_MAX) * ATTEMPTS_MAX - OTHER_OPERATIONS_MAX);
}

/** The part of a request that decides whether findings are verified or judged. */
type VerifiedRequest = Pick<AnalysisRequest, 'verify'> & { models?: Partial<AnalysisRequest['models']> };

/** The most operations of any execution that these tiles need, every retry included. */
export function operationsAtMost(tiles: number, { verify, models = {} }: VerifiedRequest): number {
  const checksFindings = verify || models.judge !== undefined;
  const shards = shardsOf(tiles, shardTilesMaxOf({ models }));
  const detection = shards.length === 1 ? tiles * ATTEMPTS_MAX : shards.length * OPERATIONS_PER_SHARD;
  const agent = shards.length === 1 && models.detection?.some(isAgent) ? AGENT_OPERATIONS_MAX : 0;
  return agent + detection + (checksFindings ? VERIFICATIONS_MAX * ATTEMPTS_MAX : 0) + OTHER_OPERATIONS_MAX;
}
