// Estimates tiles, calls, cost and duration of an analysis before it is launched. Reads only the header of the image. Loaded on first use:
// a cold start should not wait for it.
import { UserError } from '../../pipeline/contract/errors.ts';
import type { AnalysisRequest, ModelId } from '../../pipeline/contract/schemas.ts';
import { DamagedDocument, documents, readDocument } from '../../pipeline/documents.ts';
import { VERIFICATION_COST_USD_MAX } from '../../pipeline/findings/verification.ts';
import { readHeaderInTime } from '../../pipeline/imaging/decoding/header-reader.ts';
import { agentEstimate, estimateOf } from '../../pipeline/planning/cost.ts';
import { tileCount } from '../../pipeline/planning/grid.ts';
import { type Plan, planTiles } from '../../pipeline/planning/plan.ts';
import { requestNotes } from '../../pipeline/planning/request-notes.ts';
import { checkOperations, VERIFICATIONS_MAX } from '../../pipeline/planning/shards.ts';
import { preferredTileOf } from '../../pipeline/planning/tile-preferences.ts';
import type { Blobs } from '../../pipeline/ports.ts';
import { isAgent } from '../../pipeline/providers/agent-model.ts';
import { capableModels } from '../../pipeline/providers/local-labels.ts';
import { isLocal, priceOf } from '../../pipeline/providers/prices.ts';
import type { ToolDeps } from '../access/deps.ts';
import type { PlannedRun } from './planned-run.ts';

/** Throws the UserError with which the analysis itself would fail. */
export async function dryRun(request: Omit<AnalysisRequest, 'execution_id'>, deps: ToolDeps): Promise<PlannedRun> {
  const { blobs, limits } = deps;
  const { source } = request.image;
  if (source.kind === 'url') {
    throw new UserError(
      'dry_run needs an upload or a file: it does not download images. Upload the image with create_upload, or leave dry_run out.',
    );
  }
  if (source.kind === 'blob') await checkBytes(source.key, deps);
  const file = source.kind === 'file' ? { path: source.path, release: async () => {} } : await blobs.materialize(source.key);
  try {
    const { width, height, notes } = await readHeaderInTime({
      path: file.path,
      page: request.page - 1,
      bands: request.bands,
      limits: limits.image,
    });
    const detection = capableModels(request);
    const preferred = preferredTileOf(detection, request.detectors);
    const plan = planTiles({ width, height }, request.plan, preferred, limits.tilesMax);
    checkOperations(tileCount(plan), request);
    const pace = await measuredPace(detection, blobs);
    const planned = { ...request, models: { ...request.models, detection } };
    const { tiles, calls, input_tokens, output_tokens, cost_usd, seconds } = estimateOf(plan, planned, limits, deps.cores, pace);
    const levels = plan.levels.map((level) => ({ level: level.level, tiles: tileCount({ ...plan, levels: [level] }) }));
    return {
      width,
      height,
      levels,
      tiles,
      calls,
      input_tokens,
      output_tokens,
      cost_usd,
      seconds,
      notes: [...notes, ...plan.notes, ...requestNotes(request), ...agentNotes(request, tiles, plan), ...notEstimated(request)],
    };
  } finally {
    await file.release();
  }
}

/** Seconds for a tile, of the models that an earlier analysis has measured. */
async function measuredPace(models: readonly ModelId[], blobs: Pick<Blobs, 'get'>): Promise<Map<ModelId, number>> {
  const measured = new Map<ModelId, number>();
  for (const model of models) {
    const pace = await readDocument(documents.pace(model), blobs).catch(damagedAsNull);
    if (pace) measured.set(model, pace.seconds_per_tile);
  }
  return measured;
}

/** The next analysis writes it again. */
function damagedAsNull(error: unknown): null {
  if (error instanceof DamagedDocument) return null;
  throw error;
}

/** What the agent's own model reads and writes, as far as it is the only one that counts tokens. */
function agentNotes({ models }: Pick<AnalysisRequest, 'models'>, tiles: number, plan: Plan): string[] {
  if (!models.detection.some(isAgent)) return [];
  const { input_tokens, output_tokens } = agentEstimate(plan);
  const total = input_tokens + output_tokens;
  const each = Math.ceil(total / tiles);
  return [
    `The agent analyzes ${tiles} tiles itself: about ${each} tokens of its own model for each tile, ${total} in all. detail, max_tiles or a region change their number.`,
  ];
}

/** Calls whose number depends on the findings, and single ones of language models. */
function notEstimated({ models, verify }: Pick<AnalysisRequest, 'models' | 'verify'>): string[] {
  const { moderation, synthesis } = models;
  const verification = verify ? models.verification : null;
  const judge = models.detection.length > 1 ? (models.judge ?? null) : null;
  const judgeCallsMax = verification === null ? VERIFICATIONS_MAX : VERIFICATIONS_MAX / 2;
  const left = [
    ...(moderation === null || isLocal(moderation) ? [] : ['moderation (1 call)']),
    ...(judge === null ? [] : [`the judge (${atMost(judge, judgeCallsMax)})`]),
    ...(verification === null ? [] : [`verification (${atMost(verification, VERIFICATIONS_MAX)})`]),
    ...(isLocal(synthesis) ? [] : ['the summary (1 call)']),
  ];
  const list = new Intl.ListFormat('en').format(left);
  return left.length === 0 ? [] : [`The estimate covers detection only. It leaves out ${list}.`];
}

function atMost(model: ModelId, calls: number): string {
  const budget = priceOf(model) === null ? '' : ` and ${VERIFICATION_COST_USD_MAX} USD`;
  return `at most ${calls} calls${budget}`;
}

async function checkBytes(key: string, { blobs, copiedBytesMax }: ToolDeps): Promise<void> {
  const head = await blobs.head(key);
  if (!head || copiedBytesMax === null || head.bytes <= copiedBytesMax) return;
  throw new UserError(
    `The image has ${head.bytes} bytes, but dry_run takes at most ${copiedBytesMax}. ` +
      'Leave dry_run out; max_tiles and max_cost_usd limit the analysis.',
  );
}
