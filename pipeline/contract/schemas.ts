// The terms that tools, pipeline and adapters share, as schemas with their types. Requests and stored documents use them. Lengths are in
// pixels of the upright full image, unless their name states another space.
import { z } from 'zod';
import { Answered, Question, Searching } from './questions/question.ts';
import { Angle, Box, ExecutionId, ModelId, Polygon } from './shapes.ts';

export { Box, ExecutionId, ModelId, Polygon } from './shapes.ts';

export const Severity = z.enum(['info', 'low', 'medium', 'high', 'critical']);
export type Severity = z.infer<typeof Severity>;

export const Detail = z.enum(['overview', 'standard', 'fine', 'max']);
export type Detail = z.infer<typeof Detail>;

export const MIN_SCORE_MIN = 0.05; // below it, detectors report almost nothing but background
export const MIN_SCORE_DEFAULT = 0.4; // of a finding, unless a request asks for another

/** What to look for. Without `labels` and `look_for`: everything that the model knows. */
export const Ask = z.object({
  look_for: z.string().max(2_000).nullable(),
  labels: z.array(z.string().min(1).max(100)).max(100),
  /** Findings with a lower score are left out. Missing for MIN_SCORE_DEFAULT: the JSON of earlier requests has no such field. */
  min_score: z.number().min(MIN_SCORE_MIN).max(1).optional(),
});
export type Ask = z.infer<typeof Ask>;

/** What a model reports in one tile. `box` is in pixels of that tile. */
export const Detection = z.object({
  label: z.string().min(1).max(100),
  description: z.string().max(1_000),
  score: z.number().min(0).max(1),
  severity: Severity,
  box: Box,
  text: z.string().max(2_000).nullable(),
  /** The outline, in pixels of that tile, which `box` encloses. Missing if the model reports boxes only. */
  polygon: Polygon.optional(),
  /** Only with a `polygon` of four corners. Missing for a box along the axes. */
  angle: Angle.optional(),
  /**
   * The share of pixels in and around the box that have exactly the color of their neighbors: high in drawings, low in photographs.
   * Missing in results of version 0.1, and from other models than onnx:nanodet.
   */
  flat: z.number().min(0).max(1).optional(),
  /** Which model reported it, if several detect and one of them is a language model. Missing in results of version 0.1. */
  model: ModelId.optional(),
});
export type Detection = z.infer<typeof Detection>;

export const Usage = z.object({
  input_tokens: z.number().int().nonnegative(),
  output_tokens: z.number().int().nonnegative(),
  /** `null` if the price of a model is unknown. */
  cost_usd: z.number().nonnegative().nullable(),
});
export type Usage = z.infer<typeof Usage>;

/** An object in the store of the deployment, a file in an allowed folder, or an allowed https or s3 address. */
export const ImageSource = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('blob'), key: z.string() }),
  z.object({ kind: z.literal('file'), path: z.string() }),
  z.object({ kind: z.literal('url'), url: z.string() }),
]);
export type ImageSource = z.infer<typeof ImageSource>;

/** The input of an execution. The same request and image version have the same execution id. */
export const AnalysisRequest = z.object({
  execution_id: ExecutionId,
  /** `look`: only cuts the image into tiles, for views. `ask`: answers `question`. Missing for an analysis, as before this field. */
  purpose: z.literal(['look', 'ask']).optional(),
  /** `uri` is the name that the caller used. `version` changes when the bytes do. */
  image: z.object({ source: ImageSource, uri: z.string(), version: z.string() }),
  /** A page of a TIFF or a frame of an animation, from 1. */
  page: z.number().int().min(1).default(1),
  /**
   * From 1: one band in gray, or red, green and blue. Missing: those that the file names. It has no default, because a repeated request
   * must have the same name and the same JSON as one that was started before this field existed.
   */
  bands: z.array(z.number().int().min(1)).optional(),
  ask: Ask,
  plan: z.object({
    detail: Detail,
    /** In pixels; `null` for the preference of the detection model. */
    tile_size: z.number().int().nullable(),
    overlap: z.number().int().nullable(),
    /** The number of tiles along the longer side, as an alternative to `tile_size`. */
    grid: z.number().int().nullable(),
    /** Only tiles that overlap it are analyzed; `null` for the whole image. */
    region: Box.nullable(),
    /** `null` for as many as `detail` allows. */
    max_tiles: z.number().int().nullable(),
    /** Tiles of a single color are not sent to the models. */
    skip_blank: z.boolean(),
  }),
  /** Detection stops when it has cost this much; `null` for no limit. */
  max_cost_usd: z.number().positive().nullable().default(null),
  /** Analyzes only the tiles that this earlier execution did not analyze, on the pyramid of `pyramid_of`. */
  retry_of: z.object({ execution_id: ExecutionId, pyramid_of: ExecutionId }).nullable().default(null),
  /** The only caller that may see the execution (keys.ts); `null` if every caller of the deployment may. */
  owner: z.string().nullable().default(null),
  /** Low-scoring and severe findings are verified. */
  verify: z.boolean().default(false),
  models: z.object({
    /** `null` if the image is not moderated, which a deployment may allow. */
    moderation: ModelId.nullable(),
    detection: z.array(ModelId).min(1),
    /** `null` if there is none. */
    verification: ModelId.nullable().default(null),
    synthesis: ModelId,
    /**
     * Decides where the detection models differ. It has no default, because a request without it must keep the name and the JSON that it
     * had before this field existed.
     */
    judge: ModelId.optional(),
  }),
  /** What an execution keeps of the registered detectors among its models. Missing if there are none: as `judge`, it has no default. */
  detectors: z
    .array(
      z.object({
        model: ModelId,
        /** Changes with the model file and with its sidecar: another version is another execution. */
        version: z.string(),
        /** The tile that fits its input. */
        tile_edge: z.number().int(),
        notes: z.array(z.string()),
        /** True for a text model. Missing for a detector of things. */
        reads_text: z.literal(true).optional(),
      }),
    )
    .optional(),
  /** What is asked about the image. Missing for everything but a question: as `judge`, it has no default. */
  question: Question.optional(),
});
export type AnalysisRequest = z.infer<typeof AnalysisRequest>;

export const Finding = z.object({
  id: z.string(),
  label: z.string(),
  description: z.string(),
  score: z.number(),
  severity: Severity,
  box: Box,
  text: z.string().nullable(),
  /** The outline, in pixels of the full image. Missing if the model reports boxes only. */
  polygon: Polygon.optional(),
  /** As in a detection. */
  angle: Angle.optional(),
  /** Other labels under which detection models reported the object, the highest score first. Missing if there are none. */
  alternatives: z.array(z.object({ label: z.string(), score: z.number() })).optional(),
  /** The level that shows the object best. 0 is full resolution, n is scaled down by 2 to the power of n. */
  level: z.number().int(),
  tiles: z.array(z.number().int()),
  /** `null` if the finding was not verified. */
  verified: z.enum(['confirmed', 'rejected', 'corrected']).nullable(),
  /** The detection models that reported it. Missing if that is not recorded: `model` of a detection. */
  said_by: z.array(ModelId).optional(),
  /** The verdict of the judge, which `verified` repeats. `label` is the reported one, if the judge corrected it. */
  judged: z
    .object({ by: ModelId, verdict: z.enum(['confirmed', 'rejected', 'corrected']), label: z.string().optional() })
    .optional(),
});
export type Finding = z.infer<typeof Finding>;

export const Status = z.enum(['RUNNING', 'SUCCEEDED', 'PARTIAL', 'FAILED', 'BLOCKED', 'CANCELLED', 'TIMED_OUT']);
export type Status = z.infer<typeof Status>;

export const Phase = z.enum([
  'queued',
  'inspect',
  'moderate',
  'tile',
  'detect',
  'ask',
  'merge',
  'verify',
  'synthesize',
  'store',
  'done',
]);
export type Phase = z.infer<typeof Phase>;

export const FailedTile = z.object({ tile: z.number().int(), box: Box, reason: z.string() });
export type FailedTile = z.infer<typeof FailedTile>;

/** The tiles of an execution by what became of them. They add up to `total` once the execution has ended. */
export const TileTotals = z.object({
  total: z.number().int(),
  done: z.number().int(),
  failed: z.number().int(),
  blank: z.number().int(),
  /** Tiles that were never started, because of a cancellation or the budget. Documents of version 0.1 count them as failed. */
  not_analyzed: z.number().int().default(0),
});
export type TileTotals = z.infer<typeof TileTotals>;

/** How far an execution is: stored while it runs, and once at its end. */
export const Progress = z.object({
  execution_id: z.string(),
  status: Status,
  phase: Phase,
  tiles: TileTotals,
  /** Detections so far; after the merge the number of findings. */
  findings: z.number().int(),
  usage: Usage,
  /** ISO 8601. */
  started_at: z.string(),
  updated_at: z.string(),
  /** The shards that run now. Each reports its tiles in a document of its own: `tiles` does not count them. */
  running_shards: z.array(z.number().int()).default([]),
  /** One sentence if the status is neither RUNNING nor SUCCEEDED. */
  reason: z.string().nullable(),
  summary: z.string().nullable(),
  /** At most 20. findings.json lists all of them. */
  failed_tiles: z.array(FailedTile),
  /** How the request was understood, and what the result leaves out: at most 20. Documents of version 0.1 have none. */
  notes: z.array(z.string()).default([]),
  /** How far the search for an answer is. Missing for everything but a question. */
  search: Searching.optional(),
});
export type Progress = z.infer<typeof Progress>;

/** The findings that people download. */
export const FindingsDocument = z.object({
  execution_id: z.string(),
  status: Status,
  image: z.object({
    uri: z.string(),
    width: z.number().int(),
    height: z.number().int(),
    format: z.string(),
    version: z.string(),
  }),
  request: AnalysisRequest.pick({ ask: true, plan: true }),
  models: AnalysisRequest.shape.models,
  tiles: z.object({
    total: z.number().int(),
    done: z.number().int(),
    blank: z.number().int(),
    failed: z.array(FailedTile),
    /** Tiles that were never started. Documents of version 0.1 have them in `failed`. */
    not_analyzed: z.array(FailedTile).default([]),
  }),
  usage: Usage,
  summary: z.string(),
  /** How the request was understood, and what the result leaves out. */
  notes: z.array(z.string()),
  /** The answer whose evidence the findings are. Missing for everything but a question. */
  answer: Answered.optional(),
  findings: z.array(Finding),
});
export type FindingsDocument = z.infer<typeof FindingsDocument>;
