// analyze_image: starts an analysis, or finds the one that was started for the same request before.
import { z } from 'zod';
import { type AnalysisRequest, Box, Detail } from '../../pipeline/core/contract.ts';
import { GRID_MAX, GRID_MIN, TILE_EDGE_MAX_PX, TILE_EDGE_MIN_PX } from '../../pipeline/core/plan.ts';
import { executionName } from '../execution-name.ts';
import { ExecutionView, viewEnd } from '../execution-view.ts';
import { chosenModels, ModelWishes } from '../model-choice.ts';
import type { Tool } from './define.ts';
import { WAIT_MAX_S } from './get-execution.ts';

const input = z.strictObject({
  image: z
    .string()
    .min(1)
    .max(2_000)
    .describe(
      'An upload_id from create_upload, file:///… inside a folder that this server was given, or https://… on a host that it allows.',
    ),
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
  region: Box.optional().describe('Look only here: [left, top, width, height] in full-picture pixels.'),
  max_tiles: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe('Look at no more tiles than this; a coarser level is looked at to stay within it.'),
  page: z.number().int().min(1).default(1).describe('Which page of a TIFF or frame of an animation, from 1.'),
  verify: z
    .boolean()
    .default(false)
    .describe('A second look at doubtful and severe findings by another model: confirmed, rejected or corrected.'),
  moderation: z.enum(['on', 'off']).default('on').describe('off only where this server allows it.'),
  models: ModelWishes.optional().describe('Other models than the server’s own, for example {"detection": ["onnx:nanodet"]}.'),
  skip_blank: z.boolean().default(true).describe('Tiles of one colour are counted and not looked at. false looks anyway.'),
  idempotency_key: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe(
      'The same key starts nothing twice. Left out, the same picture and request is the same execution; a new key runs it again.',
    ),
  wait_seconds: z.number().min(0).max(WAIT_MAX_S).default(0).describe('Wait this long for the end before answering.'),
});

const output = ExecutionView.extend({
  created: z.boolean().describe('False when this request was started before: that execution is returned.'),
});

export const analyzeImage: Tool<typeof input, typeof output> = {
  name: 'analyze_image',
  title: 'Analyze a picture in full resolution',
  description:
    'Use this to find things or read text in a picture too large to see whole: it is cut into tiles, every tile is looked at, and what was seen ' +
    'is merged into findings in full-picture pixels. Starts the analysis and returns an execution_id at once (or the results, with wait_seconds, ' +
    'if they come in time). Next: get_execution until it has ended, then list_findings. For a local file call create_upload first.',
  input,
  output,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  async run(args, deps) {
    const request: Omit<AnalysisRequest, 'execution_id'> = {
      image: await deps.pictures.resolve(args.image),
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
      verify: args.verify,
      models: chosenModels(args.models, args, deps.models),
    };
    const execution_id = await executionName(request, args.idempotency_key ?? null);
    const { created } = await deps.launcher.start({ execution_id, ...request });
    return { ...(await viewEnd(execution_id, args.wait_seconds, deps)), created };
  },
};
