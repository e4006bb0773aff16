// Detection as durable operations: the tiles of one shard in this execution, or several shards as executions of their own.
// Order, names and nesting of the operations are how an execution in flight resumes: contract/protocol.ts.
import { type DurableContext, NestingType } from '@aws/durable-execution-sdk-js';
import { detectByAgent } from './agent/agent-detection.ts';
import { at } from './contract/at.ts';
import { causesOf, failureFacts } from './contract/causes.ts';
import { AnswerError, mustBeFixed, sentenceOf, TransientError, UserError } from './contract/errors.ts';
import { STEPS } from './contract/protocol.ts';
import { NO_USAGE } from './contract/usage.ts';
import { withOverflow } from './durable/checkpoint-overflow.ts';
import type { InvocationEnd } from './durable/invocation-end.ts';
import { quotaWaits } from './durable/quota-waits.ts';
import { retryTransient } from './durable/retry-policy.ts';
import type { PlannedTile } from './planning/grid.ts';
import { type ShardRequest, ShardResult } from './planning/shard-messages.ts';
import { type PendingTiles, type Shard, type Stop, tilesOfShard } from './planning/shards.ts';
import { pyramidOf } from './planning/stored-plan.ts';
import { type EndedTile, NOT_ANALYZED, type TileStepResult } from './planning/tile-result.ts';
import type { PipelineDeps } from './ports.ts';
import { paceMeter } from './progress/pace-meter.ts';
import { type ProgressReport, reportShard } from './progress/progress-writer.ts';
import { readLines } from './progress/read-lines.ts';
import { type TileResultCounter, tileResultCounter } from './progress/tile-result-counter.ts';
import { reportTiles } from './progress/tile-state-writer.ts';
import { isAgent } from './providers/agent-model.ts';
import { stepDocuments } from './step-documents.ts';
import { watchCancellation } from './steps/cancellation.ts';
import { type DetectionRun, detectInTile, forgetTiles, type TileFacts } from './steps/detect-tile.ts';
import { hasOtherShardWorked, storeSoFar, storeTileResults } from './steps/store-tile-results.ts';
import { tileCosts } from './steps/tile-costs.ts';
import { logFailure, loggingFailure, logWith } from './telemetry/log-context.ts';

/** What the execution of a shard returns to its parent: its result, or the sentence of an error that the caller must fix. */
export type ShardAnswer = { result: ShardResult } | { fatal: string };

/** Detection in one invocation. */
interface InvokedDetection extends DetectionRun {
  end: InvocationEnd;
}

/** The execution of one shard, started by a parent execution. */
export async function runShard(
  input: ShardRequest,
  context: DurableContext,
  end: InvocationEnd,
  given: PipelineDeps,
): Promise<ShardAnswer> {
  const { request, plan, shard, todo } = input;
  const facts = { execution: request.execution_id, shard: shard.number };
  const deps = { ...given, log: logWith(given.log, facts) };
  const counter = tileResultCounter(deps.log, facts, () => report.changed());
  const report = reportShard(input, counter, deps);
  const cancellation = watchCancellation(request.execution_id, input.max_cost_usd, counter.spentUsd, deps);
  const tiles = todo ? tilesOfShard(plan, todo, { from: 0, to: todo.length }) : tilesOfShard(plan, null, shard);
  end.before(report.flush);
  end.before(cancellation.close);
  forgetTiles(pyramidOf(request));
  try {
    const pace = paceMeter(deps);
    const detection = { request, plan, pyramidOf: pyramidOf(request), cancellation, pace, readLines: readLines(plan), end, deps };
    return { result: await detectTiles(context, shard, tiles, counter, detection) };
  } catch (error) {
    const sentence = sentenceOf(error);
    if (sentence !== null && mustBeFixed(error)) return { fatal: sentence };
    throw error;
  } finally {
    cancellation.close();
    await report.close();
  }
}

/**
 * Analyzes the tiles of one shard in this execution. A tile that fails permanently is a result. Throws a UserError for a failure that
 * every other tile would share, unless a tile of the execution has succeeded before, and ends the map at once.
 */
export async function detectTiles(
  context: DurableContext,
  shard: Shard,
  tiles: PlannedTile[],
  counter: TileResultCounter,
  detection: InvokedDetection,
): Promise<ShardResult> {
  const { request, deps, cancellation, pace, end } = detection;
  cancellation.watch();
  const tileStates = reportTiles(request, shard, tiles, counter, deps);
  end.before(tileStates.flush);
  const soFar = storeSoFar(request.execution_id, shard, counter, deps);
  end.before(soFar.flush);
  let hasWorked = false; // once true, no longer looked up
  const waits = quotaWaits(tiles.length, () => counter.waits(waits.reason()));
  const costed = tileCosts((facts, error) => logFailure(deps.log, facts, error));
  const beginOne = (tile: PlannedTile, round: number, waited: number) => {
    const facts: TileFacts = { tile: tile.name, model: null };
    return loggingFailure(deps.log, facts, async (): Promise<TileStepResult> => {
      counter.begin(tile.index);
      tileStates.changed();
      if (round > 0) await cancellation.check(); // it has waited
      const throttled = waits.beforeCall(tile.name, waited);
      if (throttled && !cancellation.reason()) return { throttled };
      const detect = () => detectInTile(detection, tile, facts);
      return await costed(tile.name, facts, detect).catch(async (error) => {
        if (error instanceof TransientError && error.throttled) {
          deps.log.info({ ...facts, ...failureFacts(error) }, 'The model is throttled: the tile waits.');
          return { throttled: waits.afterCall(tile.name, waited, error.message, error.retryAfterS) };
        }
        if (!mustBeFixed(error)) throw error;
        hasWorked ||= counter.tiles().done > 0 || (await hasOtherShardWorked(request.execution_id, shard, deps.blobs));
        if (!hasWorked) throw error;
        if (!(error instanceof UserError && error.usedUp)) throw ofThisTile(error);
        deps.log.warn({ ...facts, ...failureFacts(error) }, 'The quota of the model is used up: the remaining tiles fail.');
        return { throttled: waits.giveUp(error.message) };
      });
    });
  };
  const stepsOf = async (tileContext: DurableContext, tile: PlannedTile): Promise<EndedTile> => {
    for (let round = 0, waited = 0; ; round++) {
      const result = await tileContext.step(STEPS.detectTileAgain(tile.name, round), beginOne(tile, round, waited), {
        retryStrategy: (error, attempt) =>
          attempt < waits.attemptsMax() ? retryTransient(error, attempt) : { shouldRetry: false },
        serdes: withOverflow(stepDocuments.tileStepResult(request.execution_id, tile.name), deps.blobs),
      });
      if (!('throttled' in result)) return result;
      const { throttled } = result;
      await waits.wait(tileContext, tile.name, round, throttled);
      if (throttled.wait_s !== null) waited++;
      else if (throttled.behind === null) throw new TransientError(throttled.reason);
    }
  };
  const byAgent = request.models.detection.some(isAgent);
  const detectOne = async (tileContext: DurableContext, tile: PlannedTile) => {
    const steps = waits.run(tile.name, () => stepsOf(tileContext, tile));
    const result = await (byAgent ? counter.outcome(tile, steps) : counter.follow(tile, steps));
    if (byAgent) counter.hold(tile.index, result);
    tileStates.changed();
    soFar.changed();
    return result;
  };
  try {
    const outcomes = await context.map(STEPS.detect, tiles, detectOne, {
      nesting: NestingType.FLAT,
      maxConcurrency: deps.limits.tileConcurrency,
      itemNamer: (tile) => tile.name,
      completionConfig: { toleratedFailureCount: 0 },
    });
    const [fatal] = outcomes.getErrors();
    if (fatal) throw new UserError(fatal.message, { cause: fatal }); // the checkpoint of a map keeps the message, not the name
    // A replay does not run a map again that has ended: its results are all there is.
    const results = outcomes.succeeded().map(({ index, result }) => ({ tile: at(tiles, index), result }));
    for (const { tile, result } of results) counter[byAgent ? 'hold' : 'add'](tile.index, result);
    if (byAgent) {
      await detectByAgent(context, shard, results, counter, detection, () => {
        tileStates.changed();
        soFar.changed();
      });
    }
    const store = loggingFailure(deps.log, { step: STEPS.storeTileResults }, async () => {
      const result = await storeTileResults(request.execution_id, shard, counter, deps);
      await tileStates.last();
      await soFar.end();
      await pace.store();
      return result;
    });
    return await context.step(STEPS.storeTileResults, store, { retryStrategy: retryTransient });
  } finally {
    await tileStates.close();
    await soFar.flush(); // of an execution that fails
  }
}

/**
 * After a model has analyzed a tile, in this shard or another, its refusal concerns only that tile. Decided inside the step, so that a
 * replay cannot decide otherwise.
 */
function ofThisTile(error: unknown): unknown {
  const sentence = sentenceOf(error);
  return sentence === null ? error : new AnswerError(sentence, { cause: error });
}

/** Runs each shard as an execution of its own, several at once. A lost shard is a result: its tiles count as failed. */
export async function runShards(
  context: DurableContext,
  shards: Shard[],
  pendingTiles: PendingTiles,
  { request, plan, cancellation, deps }: DetectionRun,
  progress: ProgressReport,
): Promise<ShardResult[]> {
  const ended = new Map<number, ShardResult>();
  const reportShards = () => {
    const open = shards.filter(({ number }) => !ended.has(number)).map(({ number }) => number);
    progress.shards(open.slice(0, deps.limits.shardConcurrency), [...ended.values()]);
  };
  const tilesTotal = at(shards, shards.length - 1).to;
  const runOne = async (shardContext: DurableContext, shard: Shard): Promise<ShardResult> => {
    const { number, from, to } = shard;
    const check = loggingFailure(deps.log, { step: STEPS.checkShard(number) }, () => cancellation.check());
    const stopped = await shardContext.step(STEPS.checkShard(number), check);
    const input: ShardRequest = {
      kind: 'shard',
      request,
      plan,
      shard,
      todo: pendingTiles ? pendingTiles.slice(from, to) : null,
      max_cost_usd: request.max_cost_usd === null ? null : request.max_cost_usd * ((to - from) / tilesTotal),
    };
    const answer = stopped
      ? { result: lostShard(shard, NOT_ANALYZED[stopped], stopped) }
      : await shardContext.invoke<ShardRequest, ShardAnswer>(STEPS.runShard(number), deps.functionName, input).catch((error) => {
          const facts = { execution: request.execution_id, shard: number };
          deps.log.error({ ...facts, causes: causesOf(error) }, 'A shard was lost.');
          return { result: lostShard(shard, 'The shard with this tile was lost.', null) };
        });
    if ('fatal' in answer) throw new UserError(answer.fatal);
    const result = ShardResult.parse(answer.result);
    ended.set(number, result);
    reportShards();
    return result;
  };
  reportShards();
  const outcomes = await context.map(STEPS.runShards, shards, runOne, {
    nesting: NestingType.NESTED,
    maxConcurrency: deps.limits.shardConcurrency,
    itemNamer: ({ number }) => STEPS.runShard(number),
    completionConfig: { toleratedFailureCount: 0 },
  });
  const [fatal] = outcomes.getErrors();
  if (fatal) throw new UserError(fatal.message, { cause: fatal });
  return outcomes.getResults();
}

function lostShard(shard: Shard, reason: string, stopped: Stop | null): ShardResult {
  const count = shard.to - shard.from;
  const tiles = { done: 0, blank: 0, failed: stopped ? 0 : count, not_analyzed: stopped ? count : 0 };
  return { shard, key: null, reason, tiles, detections: 0, usage: NO_USAGE, stopped, notes: [] };
}
