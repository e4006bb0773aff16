// analyze_image: starts an analysis, or finds the one that was started before for the same request.
import { z } from 'zod';
import { type AnalysisRequest, Box, Detail, MIN_SCORE_MIN, Status } from '../../pipeline/contract/schemas.ts';
import { GRID_MAX, GRID_MIN, TILE_EDGE_MAX_PX, TILE_EDGE_MIN_PX } from '../../pipeline/planning/tile-size.ts';
import { AGENT_MODEL, isAgent } from '../../pipeline/providers/agent-model.ts';
import { checkCost } from '../access/cost-limit.ts';
import { chosenModels, detectorsOf, RequestedModels } from '../access/model-policy.ts';
import { executionName } from '../executions/execution-name.ts';
import { PlannedRun } from '../executions/planned-run.ts';
import { startExecution } from '../executions/start.ts';
import { ExecutionView, viewEnd } from '../executions/status.ts';
import { bandNumbers, pageNumber, waitForEnd } from './arguments.ts';
import type { Tool } from './define.ts';

const AGENT_TILES_MAX = 24;

const input = z.strictObject({
  image: z
    .string()
    .min(1)
    .max(2_000)
    .describe('An upload_id from create_upload or, if this server allows it, a file:///, https:// or s3://bucket/key address.'),
  look_for: z.string().min(1).max(2_000).optional().describe('What to detect, in words. Default: everything the models know.'),
  labels: z.array(z.string().min(1).max(100)).max(100).optional().describe('Only these labels, for example ["person", "text"].'),
  min_score: z.number().min(MIN_SCORE_MIN).max(1).optional().describe('Lowest score of a finding. Default: 0.4.'),
  detail: Detail.optional().describe(
    `overview: the whole image and its quarters, fast. standard (default): full resolution up to 500 tiles, by ${AGENT_MODEL} ${AGENT_TILES_MAX}. fine: up to 1,000 tiles. max: full resolution or an error.`,
  ),
  tile_size: z
    .number()
    .int()
    .min(TILE_EDGE_MIN_PX)
    .max(TILE_EDGE_MAX_PX)
    .optional()
    .describe('Tile edge in pixels. Default: what suits the model.'),
  overlap: z.number().int().min(0).optional().describe('Pixels that neighboring tiles share, up to half of tile_size.'),
  grid: z.number().int().min(GRID_MIN).max(GRID_MAX).optional().describe('Instead of tile_size: tiles along the longer side.'),
  region: Box.optional().describe('Analyze only this box: [left, top, width, height] in full-image pixels.'),
  max_tiles: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe('Analyze at most this many tiles, at a coarser level if needed, also with detail max.'),
  page: pageNumber.describe('Page of a TIFF or frame of an animation, from 1.'),
  bands: bandNumbers.describe('Bands as [red, green, blue] or [gray], from 1.'),
  max_cost_usd: z.number().positive().optional().describe('Stop once this much is spent. Findings so far are kept (PARTIAL).'),
  verify: z
    .boolean()
    .default(false)
    .describe('Another model verifies low-scoring and severe findings: confirmed, rejected or corrected.'),
  moderation: z.enum(['on', 'off']).default('on').describe('off only if this server allows it.'),
  models: RequestedModels.optional().describe('Models instead of the default ones, for example {"detection": ["onnx:nanodet"]}.'),
  skip_blank: z.boolean().default(true).describe('Skip tiles of one color.'),
  dry_run: z
    .boolean()
    .default(false)
    .describe('Returns the estimated tiles, model calls, tokens, cost and duration without starting an analysis.'),
  idempotency_key: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('A repeated request returns its execution. Send a new key to run it again.'),
  wait_seconds: waitForEnd,
});

/** The part of an execution's state that its caller needs right after the start; get_execution returns the rest. */
export const Started = ExecutionView.pick({
  execution_id: true,
  phase: true,
  tiles: true,
  findings_so_far: true,
  eta_seconds: true,
  reason: true,
  summary: true,
  notes: true,
  poll_after_seconds: true,
  next_step: true,
}).extend({
  status: z.enum([...Status.options, 'PLANNED']).describe('PLANNED after a dry_run: nothing was started.'),
  created: z.boolean().describe('false if the same request was started before: its execution is returned.'),
  plan: PlannedRun.nullable().describe('The estimate of a dry_run.'),
});

/** An agent that asks for no detail gets as many tiles as it can analyze itself: 24 of 1,024 px are about 35,000 tokens. */
function affordableTiles({ detail, grid }: z.infer<typeof input>, { detection }: AnalysisRequest['models']): number | null {
  return detection.some(isAgent) && detail === undefined && grid === undefined ? AGENT_TILES_MAX : null;
}

export const analyzeImage = {
  name: 'analyze_image',
  title: 'Analyze an image at full resolution',
  description:
    'Use this to detect, find or count objects or to read text (OCR) in a large image: a photo, screenshot, scan or plan. Detects in every ' +
    'tile of the image and merges the detections into findings with boxes in full-image pixels. Returns an execution_id at once, or the ' +
    'result if wait_seconds is long enough. Next: get_execution until the analysis has ended, then list_findings. For a local file call create_upload first.',
  input,
  output: Started,
  owned: { image: 'image' },
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  isTask: true,
  async run(args, deps) {
    const ask = { look_for: args.look_for ?? null, labels: [...new Set(args.labels)].sort(), min_score: args.min_score };
    const models = chosenModels(args.models, args, deps.models);
    const request: Omit<AnalysisRequest, 'execution_id'> = {
      image: await deps.images.resolve(args.image),
      page: args.page,
      bands: args.bands,
      ask,
      plan: {
        detail: args.detail ?? 'standard',
        tile_size: args.tile_size ?? null,
        overlap: args.overlap ?? null,
        grid: args.grid ?? null,
        region: args.region ?? null,
        max_tiles: args.max_tiles ?? affordableTiles(args, models),
        skip_blank: args.skip_blank,
      },
      max_cost_usd: checkCost(args.max_cost_usd, deps),
      retry_of: null,
      owner: deps.owner,
      verify: args.verify,
      models,
      detectors: await detectorsOf(models, ask, deps.detectors),
    };
    const execution_id = await executionName(request, args.idempotency_key ?? null, deps.deployment);
    if (args.dry_run) {
      const { dryRun } = await import('../executions/estimate.ts');
      const plan = await dryRun(request, deps);
      return { ...plannedView(execution_id), notes: plan.notes, plan };
    }
    const { created } = await startExecution({ execution_id, ...request }, deps);
    // Not at a cold start. The execution stores the same notes once it begins.
    const { requestNotes } = await import('../../pipeline/planning/request-notes.ts');
    const view = await viewEnd(execution_id, args.wait_seconds, deps);
    return { ...view, notes: [...new Set([...view.notes, ...requestNotes(request)])], created, plan: null };
  },
} as const satisfies Tool<typeof input, typeof Started>;

/** The state of an execution that has not started, under the id that it would have. */
function plannedView(executionId: string): Omit<z.infer<typeof Started>, 'plan'> {
  return {
    execution_id: executionId,
    status: 'PLANNED',
    phase: 'queued',
    created: false,
    tiles: { total: 0, done: 0, failed: 0, blank: 0, not_analyzed: 0 },
    findings_so_far: 0,
    eta_seconds: null,
    reason: null,
    summary: null,
    notes: [],
    poll_after_seconds: 0,
    next_step:
      'Nothing was started. Call analyze_image without dry_run to start; max_tiles and max_cost_usd limit tiles and cost.',
  };
}
