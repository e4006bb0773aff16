// The way of a picture, on one screen. Holds only durable operations and pure calls: clock, I/O and models are inside steps.
// Names, order and nesting of the operations are what a running execution resumes by: never change them for one in flight.
import { type DurableContext, type DurableExecutionHandler, NestingType } from '@aws/durable-execution-sdk-js';
import { AnalysisRequest, type Finding, type Status } from './core/contract.ts';
import { findingsDocument, reasonOf } from './core/document.ts';
import { sentenceOf, UserError } from './core/errors.ts';
import { mergeDetections } from './core/merge.ts';
import { type Plan, type PlannedTile, tilesOf } from './core/plan.ts';
import { NO_USAGE } from './core/usage.ts';
import { isRejected, withVerdicts, worthASecondLook } from './core/verification.ts';
import type { ModerationAnswer, PipelineDeps } from './ports.ts';
import { detect } from './steps/detect.ts';
import { fetchPicture } from './steps/fetch.ts';
import { inspect } from './steps/inspect.ts';
import { lookedOf, type TileOutcome } from './steps/looked.ts';
import { moderate } from './steps/moderate.ts';
import { type PictureInHand, pictureInHand } from './steps/picture-in-hand.ts';
import { type ProgressReport, reportProgress } from './steps/progress.ts';
import { retryTransient } from './steps/retry.ts';
import { spilling } from './steps/spill.ts';
import { store } from './steps/store.ts';
import { synthesisWithoutModel, synthesize } from './steps/synthesize.ts';
import { tile } from './steps/tile.ts';
import { type SecondLookBudget, secondLookOf, verify } from './steps/verify.ts';

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
  picture: PictureInHand;
  deps: PipelineDeps;
}

const retried = { retryStrategy: retryTransient };

export function pipeline(deps: PipelineDeps): DurableExecutionHandler<unknown, PipelineResult> {
  return async (event, context) => {
    const request = AnalysisRequest.parse(event);
    const progress = reportProgress(request, deps);
    const picture = pictureInHand(request, deps);
    try {
      return await analyze({ request, context, progress, picture, deps });
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

async function analyze(run: Run): Promise<PipelineResult> {
  const { request, context, progress, picture, deps } = run;
  const { execution_id, image, models } = request;
  const { source } = image;
  if (source.kind === 'url') await context.step('fetch', () => fetchPicture(request, source.url, deps), retried);
  const inspected = await context.step('inspect', () => inspect(request, picture, deps), retried);
  const { plan } = inspected;
  const tiles = tilesOf(plan);
  progress.inspected(inspected, tiles.length);

  progress.phase('moderate');
  const verdict = await moderated(run);
  if (!verdict.allowed) {
    await context.step('store-verdict', () => progress.block(verdict));
    return { execution_id, status: 'BLOCKED', findings: 0 };
  }

  progress.phase('tile');
  await context.step('tile', () => tile(request, plan, picture, deps), retried);

  progress.phase('detect');
  const looked = lookedOf(await looks(run, plan, tiles), tiles, verdict.usage);

  progress.phase('merge');
  const merged = mergeDetections(looked.seen, plan);
  const verified = await secondLooks(run, plan, merged.findings);

  progress.phase('synthesize');
  const counts = { total: tiles.length, done: looked.done, blank: looked.blank, failed: looked.failed.length };
  const material = {
    ask: request.ask,
    image: { width: plan.width, height: plan.height },
    findings: verified.findings.filter((finding) => !isRejected(finding)),
    tiles: counts,
    overview: picture.overview,
  };
  const synthesis = await context
    .step('synthesize', () => synthesize(models.synthesis, material, deps), retried)
    .catch((error) => synthesisWithoutModel(error, material));

  progress.phase('store');
  const all = {
    ...looked,
    findings: verified.findings,
    unsure: merged.unsure,
    usage: looked.usageWith([...verified.usages, synthesis.usage]),
    notes: [...looked.notes, ...verified.notes, ...synthesis.notes],
  };
  const document = findingsDocument(request, inspected, all, synthesis.summary);
  await context.step('store', async () => {
    await store(document, picture, deps);
    await progress.end(document, reasonOf(all));
  });
  return { execution_id, status: document.status, findings: document.findings.length };
}

async function moderated({ request, context, picture, deps }: Run): Promise<ModerationAnswer> {
  const { moderation } = request.models;
  if (moderation === null) return { allowed: true, usage: NO_USAGE };
  return await context.step('moderate', () => moderate(moderation, picture, deps), retried);
}

/** A tile that fails for good is a result. What no other tile would survive either ends the map at once, and with it the analysis. */
async function looks({ request, context, progress, deps }: Run, plan: Plan, tiles: PlannedTile[]) {
  const lookAt = async (tileContext: DurableContext, planned: PlannedTile): Promise<TileOutcome> => {
    const options = { ...retried, serdes: spilling(request.execution_id, planned.name, deps.blobs) };
    const look = tileContext.step(planned.name, () => detect(request, plan, planned, deps), options);
    return await progress.following(planned, look);
  };
  const outcomes = await context.map('detect', tiles, lookAt, {
    nesting: NestingType.FLAT,
    maxConcurrency: deps.limits.tileConcurrency,
    itemNamer: (planned) => planned.name,
    completionConfig: { toleratedFailureCount: 0 },
  });
  const [fatal] = outcomes.getErrors();
  if (fatal) throw new UserError(fatal.message, { cause: fatal }); // a map's checkpoint keeps the message and not the name
  return outcomes;
}

async function secondLooks({ request, context, progress, deps }: Run, plan: Plan, findings: Finding[]) {
  const chosen = request.verify ? worthASecondLook(findings) : [];
  if (chosen.length === 0) return { findings, notes: [], usages: [] };
  progress.phase('verify');
  const budget: SecondLookBudget = { spentUsd: 0, exhausted: null };
  const lookAgain = async (itemContext: DurableContext, finding: Finding) =>
    await secondLookOf(
      itemContext.step(`verify-${finding.id}`, () => verify(request, plan, finding, budget, deps), retried),
      budget,
    );
  const outcomes = await context.map('verify', chosen, lookAgain, {
    nesting: NestingType.FLAT,
    maxConcurrency: deps.limits.tileConcurrency,
    itemNamer: (finding) => `verify-${finding.id}`,
    completionConfig: { toleratedFailurePercentage: 100 },
  });
  const results = outcomes.succeeded().map(({ index, result }) => [chosen[index]?.id ?? '', result] as const);
  const verdicts = new Map(results.map(([id, { verdict }]) => [id, verdict]));
  return { ...withVerdicts(findings, verdicts), usages: results.map(([, { usage }]) => usage) };
}
