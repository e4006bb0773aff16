// Looking at tiles, as durable operations: one shard in this execution, or many in executions of their own.
// Names, order and nesting of the operations are what a running execution resumes by: never change them for one in flight.
import { type DurableContext, NestingType } from '@aws/durable-execution-sdk-js';
import { mustBeFixed, sentenceOf, UserError } from './contract/errors.ts';
import { NO_USAGE } from './contract/usage.ts';
import { documents } from './documents.ts';
import { spilling } from './durable/checkpoint-overflow.ts';
import { retryTransient } from './durable/retry-policy.ts';
import type { PlannedTile } from './planning/grid.ts';
import { type PendingTiles, type Shard, ShardRequest, ShardResult, type Stop, tilesOfShard } from './planning/shards.ts';
import { pyramidOf } from './planning/stored-plan.ts';
import { NOT_ANALYZED } from './planning/tile-result.ts';
import type { PipelineDeps } from './ports.ts';
import { type ProgressReport, reportShard } from './progress/progress-writer.ts';
import { type TileResultCounter, tileResultCounter } from './progress/tile-result-counter.ts';
import { reportTiles } from './progress/tile-state-writer.ts';
import { stopping } from './steps/cancellation.ts';
import { detect, type Looking } from './steps/detect-tile.ts';
import { keepLooks } from './steps/store-tile-results.ts';
import { logWith } from './telemetry/log-context.ts';

/** What a shard says to the execution that started it: its result, or what the caller must fix. */
export type ShardAnswer = { result: ShardResult } | { fatal: string };

/** The handler of an execution that looks at one shard for another. */
export async function lookForAnother(event: unknown, context: DurableContext, given: PipelineDeps): Promise<ShardAnswer> {
  const work = ShardRequest.parse(event);
  const { request, plan, shard, todo } = work;
  const deps = { ...given, log: logWith(given.log, { execution: request.execution_id, shard: shard.number }) };
  const facts = { execution: request.execution_id, shard: shard.number };
  const counter = tileResultCounter(deps.log, facts, () => report.changed());
  const report = reportShard(work, counter, deps);
  const stop = stopping(request.execution_id, work.max_cost_usd, () => counter.usage().cost_usd, deps);
  try {
    const looking = { request, plan, pyramidOf: pyramidOf(request), stopping: stop, deps };
    const tiles = todo ? tilesOfShard(plan, todo, { from: 0, to: todo.length }) : tilesOfShard(plan, null, shard);
    return { result: await lookAtTiles(context, shard, tiles, counter, looking) };
  } catch (error) {
    if (mustBeFixed(error)) return { fatal: sentenceOf(error) ?? '' };
    throw error;
  } finally {
    stop.close();
    await report.close();
  }
}

/**
 * A tile that fails for good is a result. What no other tile would survive either ends the map at once, and is thrown: a UserError.
 */
export async function lookAtTiles(
  context: DurableContext,
  shard: Shard,
  tiles: PlannedTile[],
  counter: TileResultCounter,
  looking: Looking,
): Promise<ShardResult> {
  const { request, deps, stopping: stop } = looking;
  stop.watch();
  const told = reportTiles(request, shard, tiles, counter, deps);
  const lookAt = async (tileContext: DurableContext, tile: PlannedTile) => {
    const serdes = spilling(documents.tileStepResult(request.execution_id, tile.name), deps.blobs);
    const options = { retryStrategy: retryTransient, serdes };
    const look = async () => {
      counter.begin(tile.index);
      told.changed();
      return await detect(looking, tile);
    };
    const outcome = await counter.follow(tile, tileContext.step(tile.name, look, options));
    told.changed();
    return outcome;
  };
  try {
    const outcomes = await context.map('detect', tiles, lookAt, {
      nesting: NestingType.FLAT,
      maxConcurrency: deps.limits.tileConcurrency,
      itemNamer: (tile) => tile.name,
      completionConfig: { toleratedFailureCount: 0 },
    });
    const [fatal] = outcomes.getErrors();
    if (fatal) throw new UserError(fatal.message, { cause: fatal }); // a map's checkpoint keeps the message and not the name
    // A map that had ended before a crash is not run again: its results are all there is.
    for (const { index, result } of outcomes.succeeded()) counter.add(tiles[index]?.index ?? -1, result);
    const keep = async () => {
      const result = await keepLooks(request.execution_id, shard, counter, deps);
      await told.last();
      return result;
    };
    return await context.step('keep-looks', keep, { retryStrategy: retryTransient });
  } finally {
    await told.close();
  }
}

/** Each shard in an execution of its own, some at once. One that is lost is a result: its tiles are named as failed. */
export async function lookAtShards(
  context: DurableContext,
  shards: Shard[],
  todo: PendingTiles,
  { request, plan, stopping: stop, deps }: Looking,
  progress: ProgressReport,
): Promise<ShardResult[]> {
  const ended = new Map<number, ShardResult>();
  const tell = () => {
    const open = shards.filter(({ number }) => !ended.has(number)).map(({ number }) => number);
    progress.shards(open.slice(0, deps.limits.shardConcurrency), [...ended.values()]);
  };
  const tilesTotal = shards.at(-1)?.to ?? 0;
  const lookAt = async (shardContext: DurableContext, shard: Shard): Promise<ShardResult> => {
    const stopped = await shardContext.step(`begin-${shard.number}`, () => stop.ask());
    const share = (shard.to - shard.from) / tilesTotal;
    const work: ShardRequest = {
      ...{ kind: 'shard', request, plan, shard },
      todo: todo ? todo.slice(shard.from, shard.to) : null,
      max_cost_usd: request.max_cost_usd === null ? null : request.max_cost_usd * share,
    };
    const answer = stopped
      ? { result: lostShard(shard, NOT_ANALYZED[stopped], stopped) }
      : await shardContext.invoke<ShardRequest, ShardAnswer>(`shard-${shard.number}`, deps.functionName, work).catch((error) => {
          deps.log.error({ error, execution: request.execution_id, shard: shard.number }, 'A shard was lost.');
          return { result: lostShard(shard, 'The part of the analysis that looked at this tile was lost.', null) };
        });
    if ('fatal' in answer) throw new UserError(answer.fatal);
    const result = ShardResult.parse(answer.result);
    ended.set(shard.number, result);
    tell();
    return result;
  };
  tell();
  const outcomes = await context.map('shards', shards, lookAt, {
    nesting: NestingType.NESTED,
    maxConcurrency: deps.limits.shardConcurrency,
    itemNamer: ({ number }) => `shard-${number}`,
    completionConfig: { toleratedFailureCount: 0 },
  });
  const [fatal] = outcomes.getErrors();
  if (fatal) throw new UserError(fatal.message, { cause: fatal });
  return outcomes.getResults();
}

function lostShard(shard: Shard, reason: string, stopped: Stop | null): ShardResult {
  const tiles = { done: 0, blank: 0, failed: shard.to - shard.from };
  return { shard, key: null, reason, tiles, detections: 0, usage: NO_USAGE, stopped };
}
