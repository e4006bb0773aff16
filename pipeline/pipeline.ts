// An analysis from the request to the stored findings, as durable operations: their order, names and nesting are how an execution
// in flight resumes (contract/protocol.ts). Contains only operations and pure calls: clock, I/O and models belong inside steps.
import type { DurableContext } from '@aws/durable-execution-sdk-js';
import { answerQuestion, openEarlier } from './answer-question.ts';
import { asking } from './asking.ts';
import { at } from './contract/at.ts';
import { failureFacts } from './contract/causes.ts';
import { INTERNAL_ERROR, sentenceOf, UserError } from './contract/errors.ts';
import { STEPS } from './contract/protocol.ts';
import type { AnalysisRequest, Status } from './contract/schemas.ts';
import { NO_USAGE } from './contract/usage.ts';
import { readExisting } from './documents.ts';
import { withOverflow } from './durable/checkpoint-overflow.ts';
import type { InvocationEnd } from './durable/invocation-end.ts';
import { retryThrottled, retryTransient } from './durable/retry-policy.ts';
import { withVerdicts } from './findings/verification.ts';
import type { Inspected } from './planning/inspected.ts';
import { withNotes } from './planning/plan.ts';
import type { ShardResult } from './planning/shard-messages.ts';
import { type PendingTiles, pendingTileCount, storedShards, tilesOfShard } from './planning/shards.ts';
import { pyramidOf } from './planning/stored-plan.ts';
import type { ModerationAnswer, PipelineDeps } from './ports.ts';
import { paceMeter } from './progress/pace-meter.ts';
import { type ProgressReport, reportProgress } from './progress/progress-writer.ts';
import { readLines } from './progress/read-lines.ts';
import { tileResultCounter } from './progress/tile-result-counter.ts';
import { detectTiles, runShards } from './shard.ts';
import { stepDocuments } from './step-documents.ts';
import { watchCancellation } from './steps/cancellation.ts';
import { forgetTiles } from './steps/detect-tile.ts';
import { fetchImage } from './steps/image/fetch-image.ts';
import { inspectImage } from './steps/inspect-image.ts';
import { mergeTileResults } from './steps/merge-tile-results.ts';
import { moderateImage } from './steps/moderate-image.ts';
import { resumeFailedTiles } from './steps/resume-failed-tiles.ts';
import { type SourceImage, sourceImage } from './steps/source-image.ts';
import { measureEnd, storeFailure, storeResults } from './steps/store-results.ts';
import { measureUsage } from './steps/store-tile-results.ts';
import { NO_SYNTHESIS, synthesisByRules, synthesize } from './steps/synthesize.ts';
import { tileImage } from './steps/tile-image.ts';
import { loggingFailure, logWith } from './telemetry/log-context.ts';
import { verdictsOn } from './verdicts.ts';

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
  image: SourceImage;
  end: InvocationEnd;
  deps: PipelineDeps;
}

/** An image that is cut into tiles, and the tiles to analyze. */
interface Prepared {
  inspected: Inspected;
  pendingTiles: PendingTiles;
  /** Keys of the tile results of earlier executions. */
  sources: string[];
  moderation: ModerationAnswer;
}

const retry = { retryStrategy: retryTransient };
const retryModel = { retryStrategy: retryThrottled };

/** The body of a step, which logs why it fails. */
function logged<T>(step: string, { log }: PipelineDeps, body: () => Promise<T>): () => Promise<T> {
  return loggingFailure(log, { step }, body);
}

/** For one invocation. */
export async function runAnalysis(
  request: AnalysisRequest,
  context: DurableContext,
  end: InvocationEnd,
  given: PipelineDeps,
): Promise<PipelineResult> {
  const deps = { ...given, log: logWith(given.log, { execution: request.execution_id }) };
  const progress = reportProgress(request, deps);
  const image = sourceImage(request, deps);
  end.before(progress.flush);
  end.before(image.release);
  forgetTiles(pyramidOf(request));
  try {
    return await analyze({ request, context, progress, image, end, deps });
  } catch (error) {
    const sentence = sentenceOf(error);
    deps.log.error(sentence === null ? failureFacts(error) : { reason: sentence }, 'The analysis failed.');
    const store = () => storeFailure(request, sentence ?? INTERNAL_ERROR, progress, deps);
    const stored = await context.step(STEPS.storeFailure, logged(STEPS.storeFailure, deps, store), retry);
    if (stored) return { execution_id: request.execution_id, ...stored };
    throw sentence ? new UserError(sentence) : error;
  } finally {
    await image.release();
    await progress.close();
  }
}

async function analyze(run: Run): Promise<PipelineResult> {
  const { request, context, progress, image, deps } = run;
  const { execution_id } = request;
  const prepared = await preparedFor(run);
  if (!prepared) return { execution_id, status: 'BLOCKED', findings: 0 };
  const { inspected, pendingTiles, sources } = prepared;
  const { plan } = inspected;
  if (request.question) return { execution_id, ...(await answerQuestion(run, request.question, prepared)) };
  if (request.purpose === 'look') return await endLook(run, prepared);

  progress.phase('detect');
  const shards = await detect(run, prepared);

  progress.phase('merge');
  const merge = () => mergeTileResults(request, { plan, pendingTiles, shards, sources }, deps);
  const merged = await context.step(STEPS.merge, logged(STEPS.merge, deps, merge), {
    ...retry,
    serdes: withOverflow(stepDocuments.mergeResult(execution_id), deps.blobs),
  });
  const verification = await verdictsOn(run, plan, merged);

  progress.phase('synthesize');
  const summarize = async () => {
    const all = await readExisting(stepDocuments.merged(execution_id), deps.blobs);
    const { findings } = withVerdicts(all.findings, verification.verdicts);
    return await synthesize(request, { plan, merged: all, findings }, image, deps);
  };
  const synthesis =
    merged.stopped === 'cancelled'
      ? NO_SYNTHESIS
      : await context
          .step(
            STEPS.synthesize,
            asking(STEPS.synthesize, run, request.models.synthesis, summarize, synthesisByRules),
            retryModel,
          )
          .catch(synthesisByRules);

  progress.phase('store');
  const results = {
    inspected,
    synthesis,
    verdicts: verification.verdicts,
    verdictNotes: verification.notes,
    otherUsage: [prepared.moderation.usage, ...verification.usages],
  };
  const store = () => storeResults(request, results, { image, progress }, deps);
  const stored = await context.step(STEPS.store, logged(STEPS.store, deps, store), retry);
  return { execution_id, ...stored };
}

/** The views of the image read its tiles, which are stored. */
async function endLook({ request, context, progress, deps }: Run, { moderation }: Prepared): Promise<PipelineResult> {
  const end = async () => {
    await progress.look(moderation.usage);
    measureUsage(moderation.usage, deps.metrics);
  };
  await context.step(STEPS.endLook, logged(STEPS.endLook, deps, end), retry);
  return { execution_id: request.execution_id, status: 'SUCCEEDED', findings: 0 };
}

async function preparedFor(run: Run): Promise<Prepared | null> {
  const { retry_of, question } = run.request;
  if (retry_of) return await resume(run, retry_of);
  if (!question?.about) return await prepare(run);
  const inspected = await openEarlier(run, question.about);
  return { inspected, pendingTiles: null, sources: [], moderation: { allowed: true, usage: NO_USAGE } };
}

/** From the named image to a pyramid of tiles. `null` if moderation blocked the image. */
async function prepare(run: Run): Promise<Prepared | null> {
  const { request, context, progress, image, deps } = run;
  const { source } = request.image;
  if (source.kind === 'url') {
    const fetch = () => fetchImage(request, source.url, deps);
    await context.step(STEPS.fetch, logged(STEPS.fetch, deps, fetch), retry);
  }
  const inspect = () => inspectImage(request, image, deps);
  const inspected = await context.step(STEPS.inspect, logged(STEPS.inspect, deps, inspect), retry);
  image.mustBe(inspected.imageVersion ?? null);
  progress.inspected(inspected, request.purpose ? 0 : pendingTileCount(inspected.plan, null));
  progress.notes(inspected.plan.notes);

  progress.phase('moderate');
  const moderation = await moderate(run);
  if (!moderation.allowed) {
    const block = async () => {
      await progress.block(moderation);
      measureEnd('BLOCKED', deps);
    };
    await context.step(STEPS.storeVerdict, logged(STEPS.storeVerdict, deps, block));
    return null;
  }

  progress.phase('tile');
  const tile = () => tileImage(request, inspected, image, deps);
  const { notes = [] } = await context.step(STEPS.tile, logged(STEPS.tile, deps, tile), retry);
  const plan = withNotes(inspected.plan, [...(moderation.notes ?? []), ...notes]);
  progress.notes(plan.notes);
  return { inspected: { ...inspected, plan }, pendingTiles: null, sources: [], moderation };
}

/** Continues an earlier execution, which has moderated the image and cut it into tiles. */
async function resume({ request, context, progress, deps }: Run, earlier: { execution_id: string }): Promise<Prepared> {
  const read = () => resumeFailedTiles(request, earlier, deps);
  const resumed = await context.step(STEPS.resumeFailedTiles, logged(STEPS.resumeFailedTiles, deps, read), {
    ...retry,
    serdes: withOverflow(stepDocuments.resumedTiles(request.execution_id), deps.blobs),
  });
  const { inspected, todo: pendingTiles, sources } = resumed;
  progress.inspected(inspected, pendingTiles.length);
  progress.notes(inspected.plan.notes);
  return { inspected, pendingTiles, sources, moderation: { allowed: true, usage: NO_USAGE } };
}

async function moderate(run: Run): Promise<ModerationAnswer> {
  const { request, context, image, deps } = run;
  const { moderation: model } = request.models;
  if (model === null) return { allowed: true, usage: NO_USAGE };
  const ask = () => moderateImage(model, image, deps);
  return await context.step(STEPS.moderate, asking(STEPS.moderate, run, model, ask), retryModel);
}

/** This execution analyzes a single shard itself. Several shards are executions of their own. */
async function detect(run: Run, { inspected, pendingTiles }: Prepared): Promise<ShardResult[]> {
  const { request, context, progress, end, deps } = run;
  const { plan } = inspected;
  const shards = storedShards(inspected.shards, pendingTileCount(plan, pendingTiles));
  const counter = tileResultCounter(deps.log, { execution: request.execution_id }, () => progress.changed());
  const cancellation = watchCancellation(request.execution_id, request.max_cost_usd, counter.spentUsd, deps);
  const pace = paceMeter(deps);
  const detection = { request, plan, pyramidOf: pyramidOf(request), cancellation, pace, readLines: readLines(plan), end, deps };
  end.before(cancellation.close);
  try {
    if (shards.length > 1) return await runShards(context, shards, pendingTiles, detection, progress);
    progress.counting(counter);
    const shard = at(shards, 0);
    return [await detectTiles(context, shard, tilesOfShard(plan, pendingTiles, shard), counter, detection)];
  } finally {
    cancellation.close();
  }
}
