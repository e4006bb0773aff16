// The way of an image, on one screen. Holds only durable operations and pure calls: clock, I/O and models are inside steps.
// Names, order and nesting of the operations are what a running execution resumes by: never change them for one in flight.
import { type DurableContext, type DurableExecutionHandler, NestingType } from '@aws/durable-execution-sdk-js';
import { sentenceOf, UserError } from './contract/errors.ts';
import { AnalysisRequest, type Finding, type Status } from './contract/schemas.ts';
import { NO_USAGE } from './contract/usage.ts';
import { documents, readExisting } from './documents.ts';
import { spilling } from './durable/checkpoint-overflow.ts';
import { retryTransient } from './durable/retry-policy.ts';
import { withVerdicts } from './findings/verification.ts';
import type { ResumedTiles } from './planning/inspected.ts';
import type { Plan } from './planning/plan.ts';
import {
  type PendingTiles,
  pendingTileCount,
  ShardRequest,
  type ShardResult,
  shardsOf,
  tilesOfShard,
} from './planning/shards.ts';
import { pyramidOf } from './planning/stored-plan.ts';
import type { ModerationAnswer, PipelineDeps } from './ports.ts';
import { type ProgressReport, reportProgress } from './progress/progress-writer.ts';
import { tileResultCounter } from './progress/tile-result-counter.ts';
import { lookAtShards, lookAtTiles, lookForAnother, type ShardAnswer } from './shard.ts';
import { stopping } from './steps/cancellation.ts';
import { fetchImage } from './steps/fetch-image.ts';
import { inspect } from './steps/inspect-image.ts';
import { merge } from './steps/merge-detections.ts';
import { moderate } from './steps/moderate-image.ts';
import { takeUp } from './steps/resume-failed-tiles.ts';
import { type ImageInHand, imageInHand } from './steps/source-image.ts';
import { measureEnd, store } from './steps/store-results.ts';
import { NO_SYNTHESIS, synthesize, withoutSynthesis } from './steps/synthesize.ts';
import { tile } from './steps/tile-image.ts';
import { type SecondLookBudget, secondLookOf, verify } from './steps/verify-finding.ts';
import { logWith } from './telemetry/log-context.ts';

export interface PipelineResult {
  execution_id: string;
  status: Status;
  findings: number;
}

/** What one invocation works with. */
interface Run {
  request: AnalysisRequest;
  context: DurableContext;
  progress: ProgressReport;
  image: ImageInHand;
  deps: PipelineDeps;
}

/** What is to be looked at; null: the image is blocked. */
type Prepared = Omit<ResumedTiles, 'todo'> & { todo: PendingTiles; moderation: ModerationAnswer };

const retried = { retryStrategy: retryTransient };

/** Takes an AnalysisRequest, or the ShardRequest of another execution. */
export function pipeline(given: PipelineDeps): DurableExecutionHandler<unknown, PipelineResult | ShardAnswer> {
  return async (event, context) => {
    if (ShardRequest.safeParse(event).success) return await lookForAnother(event, context, given);
    const request = AnalysisRequest.parse(event);
    const deps = { ...given, log: logWith(given.log, { execution: request.execution_id }) };
    const progress = reportProgress(request, deps);
    const image = imageInHand(request, deps);
    try {
      return await analyze({ request, context, progress, image, deps });
    } catch (error) {
      const sentence = sentenceOf(error);
      deps.log.error({ error }, 'The analysis failed.');
      await context.step('store-failure', async () => {
        await progress.fail(sentence ?? 'Something inside failed. The log of this server says what.');
        measureEnd('FAILED', deps);
      });
      throw sentence ? new UserError(sentence) : error;
    } finally {
      await image.release();
      await progress.close();
    }
  };
}

async function analyze(run: Run): Promise<PipelineResult> {
  const { request, context, progress, image, deps } = run;
  const { execution_id } = request;
  const prepared = request.retry_of ? await takenUp(run, request.retry_of) : await prepare(run);
  if (!prepared) return { execution_id, status: 'BLOCKED', findings: 0 };
  const { inspected, todo, sources } = prepared;
  const { plan } = inspected;

  progress.phase('detect');
  const shards = await look(run, plan, todo);

  progress.phase('merge');
  const merged = await context.step('merge', () => merge(request, { plan, todo, shards, sources }, deps), {
    ...retried,
    serdes: spilling(documents.mergeResult(execution_id), deps.blobs),
  });
  const second = await secondLooks(run, plan, merged.doubtful);

  progress.phase('synthesize');
  const summarize = async () => {
    const all = await readExisting(documents.merged(execution_id), deps.blobs);
    const { findings } = withVerdicts(all.findings, second.verdicts);
    return await synthesize(request, { plan, merged: all, findings }, image, deps);
  };
  const synthesis =
    merged.stopped === 'cancelled' ? NO_SYNTHESIS : await context.step('synthesize', summarize, retried).catch(withoutSynthesis);

  progress.phase('store');
  const results = { inspected, synthesis, verdicts: second.verdicts, otherUsage: [prepared.moderation.usage, ...second.usages] };
  const stored = await context.step('store', () => store(request, results, { image, progress }, deps), retried);
  return { execution_id, ...stored };
}

/** Null when moderation blocked the image. */
async function prepare(run: Run): Promise<Prepared | null> {
  const { request, context, progress, image, deps } = run;
  const { source } = request.image;
  if (source.kind === 'url') await context.step('fetch', () => fetchImage(request, source.url, deps), retried);
  const inspected = await context.step('inspect', () => inspect(request, image, deps), retried);
  progress.inspected(inspected, pendingTileCount(inspected.plan, null));

  progress.phase('moderate');
  const moderation = await moderated(run);
  if (!moderation.allowed) {
    await context.step('store-verdict', async () => {
      await progress.block(moderation);
      measureEnd('BLOCKED', deps);
    });
    return null;
  }

  progress.phase('tile');
  await context.step('tile', () => tile(request, inspected, image, deps), retried);
  return { inspected, todo: null, sources: [], moderation };
}

/** What an earlier execution left: its image was moderated and cut then. */
async function takenUp({ request, context, progress, deps }: Run, earlier: { execution_id: string }): Promise<Prepared> {
  const serdes = spilling(documents.resumedTiles(request.execution_id), deps.blobs);
  const taken = await context.step('take-up', () => takeUp(request, earlier, deps), { ...retried, serdes });
  progress.inspected(taken.inspected, taken.todo.length);
  return { ...taken, moderation: { allowed: true, usage: NO_USAGE } };
}

async function moderated({ request, context, image, deps }: Run): Promise<ModerationAnswer> {
  const { moderation } = request.models;
  if (moderation === null) return { allowed: true, usage: NO_USAGE };
  return await context.step('moderate', () => moderate(moderation, image, deps), retried);
}

/** A small image is one shard, looked at here; the shards of a large one are executions of their own. */
async function look({ request, context, progress, deps }: Run, plan: Plan, todo: PendingTiles): Promise<ShardResult[]> {
  const shards = shardsOf(pendingTileCount(plan, todo));
  const counter = tileResultCounter(deps.log, { execution: request.execution_id }, () => progress.changed());
  const stop = stopping(request.execution_id, request.max_cost_usd, () => counter.usage().cost_usd, deps);
  const looking = { request, plan, pyramidOf: pyramidOf(request), stopping: stop, deps };
  const [only, ...others] = shards;
  try {
    if (!only || others.length > 0) return await lookAtShards(context, shards, todo, looking, progress);
    progress.counting(counter);
    return [await lookAtTiles(context, only, tilesOfShard(plan, todo, only), counter, looking)];
  } finally {
    stop.close();
  }
}

async function secondLooks({ request, context, progress, deps }: Run, plan: Plan, doubtful: Finding[]) {
  if (doubtful.length === 0) return { verdicts: new Map(), usages: [] };
  progress.phase('verify');
  const budget: SecondLookBudget = { spentUsd: 0, exhausted: null };
  const lookAgain = async (itemContext: DurableContext, finding: Finding) =>
    await secondLookOf(
      itemContext.step(`verify-${finding.id}`, () => verify(request, plan, finding, budget, deps), retried),
      budget,
    );
  const outcomes = await context.map('verify', doubtful, lookAgain, {
    nesting: NestingType.FLAT,
    maxConcurrency: deps.limits.tileConcurrency,
    itemNamer: (finding) => `verify-${finding.id}`,
    completionConfig: { toleratedFailurePercentage: 100 },
  });
  const results = outcomes.succeeded().map(({ index, result }) => [doubtful[index]?.id ?? '', result] as const);
  return { verdicts: new Map(results.map(([id, { verdict }]) => [id, verdict])), usages: results.map(([, { usage }]) => usage) };
}
