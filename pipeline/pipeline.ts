// The way of a picture, on one screen. Holds only durable operations and pure calls: clock, I/O and models are inside steps.
// Names, order and nesting of the operations are what a running execution resumes by: never change them for one in flight.
import { type DurableContext, type DurableExecutionHandler, NestingType } from '@aws/durable-execution-sdk-js';
import { AnalysisRequest, type Status } from './core/contract.ts';
import { findingsDocument, reasonOf } from './core/document.ts';
import { sentenceOf, UserError } from './core/errors.ts';
import { mergeDetections } from './core/merge.ts';
import { type PlannedTile, tilesOf } from './core/plan.ts';
import type { PipelineDeps } from './ports.ts';
import { detect } from './steps/detect.ts';
import { fetchPicture } from './steps/fetch.ts';
import { inspect } from './steps/inspect.ts';
import { lookedOf } from './steps/looked.ts';
import { moderate } from './steps/moderate.ts';
import { type PictureInHand, pictureInHand } from './steps/picture-in-hand.ts';
import { type ProgressReport, reportProgress } from './steps/progress.ts';
import { retryTransient } from './steps/retry.ts';
import { spilling } from './steps/spill.ts';
import { store } from './steps/store.ts';
import { tile } from './steps/tile.ts';

export interface PipelineResult {
  execution_id: string;
  status: Status;
  findings: number;
}

export function pipeline(deps: PipelineDeps): DurableExecutionHandler<unknown, PipelineResult> {
  return async (event, context) => {
    const request = AnalysisRequest.parse(event);
    const progress = reportProgress(request, deps);
    const picture = pictureInHand(request, deps);
    try {
      return await analyze(request, context, { progress, picture }, deps);
    } catch (error) {
      const sentence = sentenceOf(error);
      deps.log.error({ error, execution: request.execution_id }, 'The analysis failed.');
      await context.step('store-failure', () =>
        progress.fail(sentence ?? 'Something inside failed. The log of this server says what.'),
      );
      throw sentence ? new UserError(sentence) : error;
    } finally {
      await picture.release();
      await progress.close();
    }
  };
}

async function analyze(
  request: AnalysisRequest,
  context: DurableContext,
  { progress, picture }: { progress: ProgressReport; picture: PictureInHand },
  deps: PipelineDeps,
): Promise<PipelineResult> {
  const { execution_id, image } = request;
  const { source } = image;
  if (source.kind === 'url') {
    await context.step('fetch', () => fetchPicture(request, source.url, deps), { retryStrategy: retryTransient });
  }
  const inspected = await context.step('inspect', () => inspect(request, picture, deps), { retryStrategy: retryTransient });
  const { plan } = inspected;
  const tiles = tilesOf(plan);
  progress.inspected(inspected, tiles.length);

  progress.phase('moderate');
  const verdict = await context.step('moderate', () => moderate(request, picture, deps), { retryStrategy: retryTransient });
  if (!verdict.allowed) {
    await context.step('store-verdict', () => progress.block(verdict));
    return { execution_id, status: 'BLOCKED', findings: 0 };
  }

  progress.phase('tile');
  await context.step('tile', () => tile(request, plan, picture, deps), { retryStrategy: retryTransient });

  progress.phase('detect');
  const lookAt = async (tileContext: DurableContext, planned: PlannedTile) => {
    const options = { retryStrategy: retryTransient, serdes: spilling(execution_id, planned.name, deps.blobs) };
    const look = tileContext.step(planned.name, () => detect(request, plan, planned, deps), options);
    return await progress.following(planned, look);
  };
  const looks = await context.map('detect', tiles, lookAt, {
    nesting: NestingType.FLAT,
    maxConcurrency: deps.limits.tileConcurrency,
    itemNamer: (planned) => planned.name,
    completionConfig: { toleratedFailurePercentage: 100 }, // without one, the first failed item would end the map
  });

  progress.phase('merge');
  const looked = lookedOf(looks, tiles, verdict.usage);
  const { findings, unsure } = mergeDetections(looked.seen, plan);

  progress.phase('synthesize');
  const counts = { total: tiles.length, done: looked.done, blank: looked.blank, failed: looked.failed.length };
  const size = { width: plan.width, height: plan.height };
  const material = { ask: request.ask, image: size, findings, tiles: counts, overview: picture.overview };
  const synthesis = await context.step('synthesize', () => deps.vision.summarize(request.models.synthesis, material), {
    retryStrategy: retryTransient,
  });

  progress.phase('store');
  const all = { ...looked, findings, unsure, usage: looked.usageWith(synthesis.usage) };
  const document = findingsDocument(request, inspected, all, synthesis.summary);
  await context.step('store', async () => {
    await store(document, picture, deps);
    await progress.end(document, reasonOf(all));
  });
  return { execution_id, status: document.status, findings: findings.length };
}
