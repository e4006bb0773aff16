// analyze_image: starts an analysis, or finds the one that was started for the same request before.
import { z } from 'zod';
import { type AnalysisRequest, Box, Detail, Status } from '../../pipeline/contract/schemas.ts';
import { GRID_MAX, GRID_MIN, TILE_EDGE_MAX_PX, TILE_EDGE_MIN_PX } from '../../pipeline/planning/tile-size.ts';
import { checkCost } from '../access/cost-limit.ts';
import { chosenModels, ModelWishes } from '../access/model-policy.ts';
import { dryRun, PlannedRun } from '../executions/estimate.ts';
import { executionName } from '../executions/execution-name.ts';
import { startExecution } from '../executions/start.ts';
import { ExecutionView, viewEnd } from '../executions/status.ts';
import type { Tool } from './define.ts';
import { WAIT_MAX_S } from './get-execution.ts';

const input = z.strictObject({
  image: z
    .string()
    .min(1)
    .max(2_000)
    .describe('An upload_id from create_upload; or, where this server allows it, file:///…, https://… or s3://bucket/key.'),
  look_for: z
    .string()
    .min(1)
    .max(2_000)
    .optional()
    .describe('What to look for, in words. Everything the models know when left out.'),
  labels: z
    .array(z.string().min(1).max(100))
    .max(100)
    .optional()
    .describe('Report only these labels, for example ["person", "text"].'),
  detail: Detail.default('standard').describe(
    'overview: the whole and its quarters, fast. standard: full resolution up to 500 tiles. fine: up to 1,000 tiles. max: full resolution or an error.',
  ),
  tile_size: z
    .number()
    .int()
    .min(TILE_EDGE_MIN_PX)
    .max(TILE_EDGE_MAX_PX)
    .optional()
    .describe('Edge of a tile in pixels, 128 to 4096. The model’s own when left out.'),
  overlap: z.number().int().min(0).optional().describe('Pixels that neighbouring tiles share, at most half of tile_size.'),
  grid: z
    .number()
    .int()
    .min(GRID_MIN)
    .max(GRID_MAX)
    .optional()
    .describe('In place of tile_size: the longer side in so many tiles, 3 to 100.'),
  region: Box.optional().describe('Look only here: [left, top, width, height] in full-image pixels.'),
  max_tiles: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe('Look at no more tiles than this; a coarser level is looked at to stay within it.'),
  page: z.number().int().min(1).default(1).describe('Which page of a TIFF or frame of an animation, from 1.'),
  max_cost_usd: z
    .number()
    .positive()
    .optional()
    .describe('Stops looking when that much is spent; what was found until then is kept (PARTIAL).'),
  verify: z
    .boolean()
    .default(false)
    .describe('A second look at doubtful and severe findings by another model: confirmed, rejected or corrected.'),
  moderation: z.enum(['on', 'off']).default('on').describe('off only where this server allows it.'),
  models: ModelWishes.optional().describe('Other models than the server’s own, for example {"detection": ["onnx:nanodet"]}.'),
  skip_blank: z.boolean().default(true).describe('Tiles of one colour are counted and not looked at. false looks anyway.'),
  dry_run: z.boolean().default(false).describe('Starts nothing: tells tiles, calls, tokens, cost and time.'),
  idempotency_key: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe(
      'The same key starts nothing twice. Left out, the same image and request is the same execution; a new key runs it again.',
    ),
  wait_seconds: z.number().min(0).max(WAIT_MAX_S).default(0).describe('Wait this long for the end before answering.'),
});

/** As much of an execution's state as somebody needs who has just started it; get_execution tells the rest. */
const Begun = ExecutionView.pick({
  ...{ execution_id: true, phase: true, tiles: true, findings_so_far: true, eta_seconds: true },
  ...{ reason: true, summary: true, poll_after_seconds: true, next_step: true },
});

export const Started = Begun.extend({
  status: z.enum([...Status.options, 'PLANNED']).describe('PLANNED: a dry_run; nothing was started.'),
  created: z.boolean().describe('False when this request was started before: that execution is returned.'),
  plan: PlannedRun.nullable().describe('Of a dry_run.'),
});

export const analyzeImage: Tool<typeof input, typeof Started> = {
  name: 'analyze_image',
  title: 'Analyze an image in full resolution',
  description:
    'Use this to find things or read text in an image too large to see whole: it is cut into tiles, every tile is looked at, and what was seen ' +
    'is merged into findings in full-image pixels. Starts the analysis and returns an execution_id at once (or the results, with wait_seconds, ' +
    'if they come in time). Next: get_execution until it has ended, then list_findings. For a local file call create_upload first.',
  input,
  output: Started,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  async run(args, deps) {
    const request: Omit<AnalysisRequest, 'execution_id'> = {
      image: await deps.images.resolve(args.image),
      page: args.page,
      ask: { look_for: args.look_for ?? null, labels: [...new Set(args.labels)].sort() },
      plan: {
        detail: args.detail,
        tile_size: args.tile_size ?? null,
        overlap: args.overlap ?? null,
        grid: args.grid ?? null,
        region: args.region ?? null,
        max_tiles: args.max_tiles ?? null,
        skip_blank: args.skip_blank,
      },
      max_cost_usd: checkCost(args.max_cost_usd, deps),
      retry_of: null,
      owner: deps.owner,
      verify: args.verify,
      models: chosenModels(args.models, args, deps.models),
    };
    const execution_id = await executionName(request, args.idempotency_key ?? null);
    if (args.dry_run) return { ...plannedView(execution_id), plan: await dryRun(request, deps) };
    const { created } = await startExecution({ execution_id, ...request }, deps);
    return { ...(await viewEnd(execution_id, args.wait_seconds, deps)), created, plan: null };
  },
};

/** Looks like an execution that has not begun, under the id that it would have. */
function plannedView(executionId: string): Omit<z.infer<typeof Started>, 'plan'> {
  return {
    ...{ execution_id: executionId, status: 'PLANNED', phase: 'queued', created: false },
    tiles: { total: 0, done: 0, failed: 0, blank: 0 },
    findings_so_far: 0,
    ...{ eta_seconds: null, reason: null, summary: null, poll_after_seconds: 0 },
    next_step: 'Nothing was started. Call analyze_image without dry_run to start, with max_tiles or max_cost_usd to stay below.',
  };
}
