// How the tiles of a large plan are spread over executions, and why each of them fits. Pure.
import { z } from 'zod';
import { UserError } from '../contract/errors.ts';
import { AnalysisRequest, Usage } from '../contract/schemas.ts';
import { totalUsage } from '../contract/usage.ts';
import { Plan, type PlannedTile, tileCount, tilesBetween } from './plan.ts';

/** Of one durable execution, its first operation and every retry included: Lambda quotas, "Durable functions". */
const OPERATIONS_MAX = 3_000;
/** A step may be tried so often; each attempt is an operation. */
export const ATTEMPTS_MAX = 3;
/** A tenth of what an execution looks at in tiles. */
export const SECOND_LOOKS_MAX = 100;
/** Everything but tiles and second looks: 12 steps, maps and the execution, some of them tried three times. */
const OTHER_OPERATIONS_MAX = 36;

/** 888 tiles, rounded down: with every attempt of every tile and of every second look an execution still fits. */
export const SHARD_TILES_MAX = 850;
/** A shard is three operations of the execution that started it: its context, whether to begin, the invocation. */
const OPERATIONS_A_SHARD = 3;

/** Tiles `from` up to, not including, `to` of what is to be looked at. */
export const Shard = z.object({ number: z.number().int(), from: z.number().int(), to: z.number().int() });
export type Shard = z.infer<typeof Shard>;

/** Which tiles of the plan are looked at: all, or those that an earlier execution left, by index. */
export type Todo = readonly number[] | null;

/** Why tiles were not looked at any more. */
export const Stop = z.enum(['cancelled', 'budget']);
export type Stop = z.infer<typeof Stop>;

/** What an execution is started with that looks at one shard for another. */
export const ShardRequest = z.object({
  kind: z.literal('shard'),
  request: AnalysisRequest,
  plan: Plan,
  shard: Shard,
  /** Of its tiles; null: all of the shard's range. */
  todo: z.array(z.number().int()).nullable(),
  max_cost_usd: z.number().nullable(),
});
export type ShardRequest = z.infer<typeof ShardRequest>;

export const TileCounts = z.object({ done: z.number().int(), failed: z.number().int(), blank: z.number().int() });
export type TileCounts = z.infer<typeof TileCounts>;

/** What came of a shard: counts, and where its looks are. */
export const ShardResult = z.object({
  shard: Shard,
  /** Null: it was not looked at, and `reason` says why. */
  key: z.string().nullable(),
  reason: z.string().nullable(),
  tiles: TileCounts,
  detections: z.number().int(),
  usage: Usage,
  stopped: Stop.nullable(),
});
export type ShardResult = z.infer<typeof ShardResult>;

/** What several counts come to together. */
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
    },
    detections: sum(({ detections }) => detections),
    usage: totalUsage(counts.map(({ usage }) => usage)),
  };
}

/** `executions/<id>/progress/<shard>.json`, while the shard runs. */
export const ShardProgress = z.object({
  tiles: TileCounts,
  detections: z.number().int(),
  usage: Usage,
  /** ISO 8601. */
  updated_at: z.string(),
});
export type ShardProgress = z.infer<typeof ShardProgress>;

/** Neighbours stay together, so that their reads coalesce. One shard is looked at by the execution itself. */
export function shardsOf(tiles: number): Shard[] {
  const count = Math.max(1, Math.ceil(tiles / SHARD_TILES_MAX));
  const size = Math.ceil(tiles / count);
  return Array.from({ length: count }, (_, number) => ({
    number,
    from: number * size,
    to: Math.min(tiles, (number + 1) * size),
  }));
}

export function tilesToDo(plan: Plan, todo: Todo): number {
  return todo === null ? tileCount(plan) : todo.length;
}

export function tilesOfShard(plan: Plan, todo: Todo, { from, to }: Pick<Shard, 'from' | 'to'>): PlannedTile[] {
  if (todo === null) return tilesBetween(plan, from, to);
  return todo.slice(from, to).flatMap((index) => tilesBetween(plan, index, index + 1));
}

/** Throws a UserError when no way of spreading the tiles fits, retries included. */
export function checkOperations(tiles: number, request: Pick<AnalysisRequest, 'verify'>): void {
  const operations = operationsAtMost(tiles, request);
  if (operations <= OPERATIONS_MAX) return;
  throw new UserError(
    `Expected at most ${OPERATIONS_MAX} operations in one execution, got ${tiles} tiles, which may need ${operations}. ` +
      'Choose max_tiles, larger tiles, or a region.',
  );
}

/** Operations of the largest execution that these tiles need, every retry included. */
export function operationsAtMost(tiles: number, { verify }: Pick<AnalysisRequest, 'verify'>): number {
  const shards = shardsOf(tiles);
  const looks = shards.length === 1 ? tiles * ATTEMPTS_MAX : shards.length * OPERATIONS_A_SHARD;
  return looks + (verify ? SECOND_LOOKS_MAX * ATTEMPTS_MAX : 0) + OTHER_OPERATIONS_MAX;
}
