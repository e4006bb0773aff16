// The words that the tools, the pipeline and its adapters share, as schemas. Types come from them.
// Every length is in pixels of the upright full image unless its name says another space.
import { z } from 'zod';

/** COCO order: left, top, width, height. The field name around it says the space (`boxInTile`, `box`). */
export const Box = z.tuple([
  z.number().nonnegative(),
  z.number().nonnegative(),
  z.number().nonnegative(),
  z.number().nonnegative(),
]);
export type Box = z.infer<typeof Box>;

/** `<provider>:<id>`, for example `onnx:nanodet`. */
export const ModelId = z.string().regex(/^[a-z]+:\S+$/, 'expected <provider>:<id>, for example onnx:nanodet');
export type ModelId = z.infer<typeof ModelId>;

export const Severity = z.enum(['info', 'low', 'medium', 'high', 'critical']);
export type Severity = z.infer<typeof Severity>;

export const Detail = z.enum(['overview', 'standard', 'fine', 'max']);
export type Detail = z.infer<typeof Detail>;

/** What the caller wants to have found. An empty `labels` and a null `look_for` mean: everything the model knows. */
export const Ask = z.object({ look_for: z.string().max(2_000).nullable(), labels: z.array(z.string().min(1).max(100)).max(100) });
export type Ask = z.infer<typeof Ask>;

/** What a detector saw in one tile. `box` is in pixels of the tile it was given. */
export const Detection = z.object({
  label: z.string().min(1).max(100),
  description: z.string().max(1_000),
  score: z.number().min(0).max(1),
  severity: Severity,
  box: Box,
  text: z.string().max(2_000).nullable(),
});
export type Detection = z.infer<typeof Detection>;

export const Usage = z.object({
  input_tokens: z.number().int().nonnegative(),
  output_tokens: z.number().int().nonnegative(),
  cost_usd: z.number().nonnegative(),
});
export type Usage = z.infer<typeof Usage>;

/**
 * Where an image is: an object of the deployment's store, a file inside a folder the server was given, or an allowed https or s3
 * address.
 */
export const ImageSource = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('blob'), key: z.string() }),
  z.object({ kind: z.literal('file'), path: z.string() }),
  z.object({ kind: z.literal('url'), url: z.string() }),
]);
export type ImageSource = z.infer<typeof ImageSource>;

export const ExecutionId = z.string().regex(/^[a-zA-Z0-9-_]{1,64}$/, 'expected an execution_id that analyze_image returned');

/** What the pipeline is started with. The same request and image version have the same execution id. */
export const AnalysisRequest = z.object({
  execution_id: ExecutionId,
  /** `uri` is what the caller named; `version` changes when the bytes do. */
  image: z.object({ source: ImageSource, uri: z.string(), version: z.string() }),
  /** From 1: a page of a TIFF, a frame of an animation. */
  page: z.number().int().min(1).default(1),
  ask: Ask,
  plan: z.object({
    detail: Detail,
    /** Pixels; null: the detection model's own. */
    tile_size: z.number().int().nullable(),
    overlap: z.number().int().nullable(),
    /** The longer side in so many tiles, in place of `tile_size`. */
    grid: z.number().int().nullable(),
    /** Only tiles that meet it are looked at; null: all. */
    region: Box.nullable(),
    /** Null: as many as `detail` allows. */
    max_tiles: z.number().int().nullable(),
    /** Tiles of one colour are not given to the models. */
    skip_blank: z.boolean(),
  }),
  /** Looks stop when they have cost this much; null: no limit. */
  max_cost_usd: z.number().positive().nullable().default(null),
  /** Only the tiles that this earlier execution left unseen are looked at, on the pyramid of `pyramid_of`. */
  retry_of: z.object({ execution_id: ExecutionId, pyramid_of: ExecutionId }).nullable().default(null),
  /** Who alone may see it, as keys.ts tells owners apart; null: every caller of the deployment. */
  owner: z.string().nullable().default(null),
  /** Doubtful and severe findings get a second look. */
  verify: z.boolean().default(false),
  models: z.object({
    /** Null: the image is not moderated, where the deployment allows it. */
    moderation: ModelId.nullable(),
    detection: z.array(ModelId).min(1),
    /** Null: there is none, and nothing can be verified. */
    verification: ModelId.nullable().default(null),
    synthesis: ModelId,
  }),
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
  /** 0 is full resolution, n is shrunk by 2 to the power of n: where it was seen best. */
  level: z.number().int(),
  tiles: z.array(z.number().int()),
  /** Null until a second look was asked for. */
  verified: z.enum(['confirmed', 'rejected', 'corrected']).nullable(),
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
  'merge',
  'verify',
  'synthesize',
  'store',
  'done',
]);
export type Phase = z.infer<typeof Phase>;

export const FailedTile = z.object({ tile: z.number().int(), box: Box, reason: z.string() });
export type FailedTile = z.infer<typeof FailedTile>;

/** `executions/<id>/progress.json`, written while the run goes on and once at its end. */
export const Progress = z.object({
  execution_id: z.string(),
  status: Status,
  phase: Phase,
  tiles: z.object({ total: z.number().int(), done: z.number().int(), failed: z.number().int(), blank: z.number().int() }),
  /** Detections so far; after the merge the number of findings. */
  findings: z.number().int(),
  usage: Usage,
  /** ISO 8601. */
  started_at: z.string(),
  updated_at: z.string(),
  /** Shards that run now, each with a progress of its own; what they have done is not in `tiles`. */
  running_shards: z.array(z.number().int()).default([]),
  /** One sentence when the status is not RUNNING or SUCCEEDED. */
  reason: z.string().nullable(),
  summary: z.string().nullable(),
  /** Failed tiles by box and reason, at most 20 of them; all are in findings.json. */
  failed_tiles: z.array(FailedTile),
});
export type Progress = z.infer<typeof Progress>;

/** `executions/<id>/findings.json`: what people download. */
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
  }),
  usage: Usage,
  summary: z.string(),
  /** What the reader should know of how the request was understood. */
  notes: z.array(z.string()),
  findings: z.array(Finding),
});
export type FindingsDocument = z.infer<typeof FindingsDocument>;
