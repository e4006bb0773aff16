// The environment, parsed once. The only reader of process.env.
import { availableParallelism, homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { z } from 'zod';
import { UserError } from './contract/errors.ts';
import { ModelId } from './contract/schemas.ts';
import { DEFAULT_LIMITS, type ImageLimits } from './planning/image-limits.ts';
import { TILES_MAX } from './planning/plan.ts';
import { ImageHost } from './sources/image-hosts.ts';

const list = (separator: string) =>
  z.string().transform((text) =>
    text
      .split(separator)
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  );

/** As S3 names them: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
const BucketName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'expected names of buckets, such as plans-of-today, with a comma between');

const models = {
  MODERATION_MODEL: ModelId.default('onnx:nsfw'),
  DETECTION_MODELS: list(',').pipe(z.array(ModelId).min(1)).default(['onnx:nanodet', 'onnx:ppocr']),
  /** Second looks at doubtful findings; none when unset. */
  VERIFICATION_MODEL: ModelId.optional(),
  SYNTHESIS_MODEL: ModelId.default('rules:summary'),
  /** Models that a request may name beside those above, separated by commas. */
  ALLOWED_MODELS: list(',').pipe(z.array(ModelId)).default([]),
  /** `true` lets a request switch moderation off. */
  ALLOW_MODERATION_OFF: z.stringbool().default(false),
};

const providers = {
  /** The address of an OpenAI-compatible server for openai: models; OpenAI's own when unset. */
  OPENAI_BASE_URL: z.url().optional(),
  OPENAI_API_KEY: z.string().min(1).optional(),
};

const requests = {
  /** The most that one request may spend on models; no limit when unset. */
  COST_USD_MAX: z.coerce.number().positive().optional(),
  /** Who sees what: `account`, every caller all of it; `caller`, each only what it made. */
  ISOLATION: z.enum(['account', 'caller']).default('account'),
};

const sizes = {
  /** Tiles looked at at once by one execution. */
  TILE_CONCURRENCY: z.coerce
    .number()
    .int()
    .min(1)
    .max(256)
    .default(availableParallelism() * 2),
  /** The most tiles that a request may look at. */
  TILES_MAX: z.coerce.number().int().min(1).max(TILES_MAX).default(TILES_MAX),
  /** Parts of one large execution that run at once. Here each takes one of two worker processes, on AWS a function of its own. */
  SHARD_CONCURRENCY: z.coerce.number().int().min(1).max(64).default(2),
  // The largest image that is taken; sums in planning/image-limits.ts.
  PIXELS_MAX: z.coerce.number().int().min(1).max(10_000_000_000).default(DEFAULT_LIMITS.pixelsMax),
  FILE_BYTES_MAX: z.coerce.number().int().min(1).default(DEFAULT_LIMITS.fileBytesMax),
  WORKING_BYTES_MAX: z.coerce.number().int().min(1).default(DEFAULT_LIMITS.workingBytesMax),
  DECODE_SECONDS_MAX: z.coerce.number().int().min(1).max(3_600).default(DEFAULT_LIMITS.decodeSecondsMax), // what sharp takes
  SCRATCH_BYTES_MAX: z.coerce.number().int().min(1).default(DEFAULT_LIMITS.scratchBytesMax),
};

type Sizes = z.infer<z.ZodObject<typeof sizes>>;

const common = {
  /** Hosts whose https:// images may be named, separated by commas; forms in sources/image-hosts.ts. */
  ALLOWED_IMAGE_HOSTS: list(',').pipe(z.array(ImageHost)).default([]),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  ...sizes,
};

const Local = z.object({
  /** The folder of the local deployment: executions, uploads, the engine's database. */
  TILESIGHT_HOME: z
    .string()
    .default(join(homedir(), '.tilesight'))
    .transform((path) => resolve(path)),
  /** Folders whose images may be named with file://, separated like PATH. */
  ALLOWED_FOLDERS: list(delimiter).default([]),
  ...{ ...common, ...models, ...providers, ...requests },
});
export type Config = z.infer<typeof Local>;

const aws = {
  /** The bucket of this deployment. */
  BUCKET: BucketName,
  /** Other buckets whose images may be named with s3://, separated by commas. */
  ALLOWED_BUCKETS: list(',').pipe(z.array(BucketName)).default([]),
};

const McpServer = z.object({
  ...{ ...aws, ...common, ...models, ...requests },
  /** Name and alias of the durable function that analyses: executions can be started on a qualified name only. */
  PIPELINE_FUNCTION: z
    .string()
    .regex(/^[^:]+:[^:]+$|^arn:.*:function:[^:]+:[^:]+$/, 'expected a name and an alias, such as pipeline:live'),
});
export type McpServerConfig = z.infer<typeof McpServer>;

/** Its own name, not one of ours: it says the region for which requests are signed. */
const EVENT_API = /^https:\/\/[a-z0-9]+\.appsync-api\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$/;

const Pipeline = z.object({
  ...{ ...aws, ...common, ...providers },
  /** The HTTP domain of an Event API (AppSync Events) to which executions are told while they run; none when unset. */
  EVENTS_ENDPOINT: z
    .string()
    .regex(EVENT_API, 'expected https://ID.appsync-api.REGION.amazonaws.com, the HTTP domain of an Event API')
    .optional(),
  // Set by Lambda.
  AWS_LAMBDA_FUNCTION_NAME: z.string().min(1),
  AWS_LAMBDA_FUNCTION_VERSION: z.string().min(1),
});
export type PipelineConfig = z.infer<typeof Pipeline>;

/** What each function on AWS reads, by name. */
export const VARIABLES = { mcpServer: Object.keys(McpServer.shape), pipeline: Object.keys(Pipeline.shape) };

type Environment = Record<string, string | undefined>;

/** Of the local deployment. Throws a UserError that names the first variable that does not fit. */
export const readConfig = (environment?: Environment): Config => read(Local, environment);
/** Of the MCP server's function on AWS. Throws as `readConfig`. */
export const readMcpServerConfig = (environment?: Environment): McpServerConfig => read(McpServer, environment);
/** Of the pipeline's function on AWS. Throws as `readConfig`. */
export const readPipelineConfig = (environment?: Environment): PipelineConfig => read(Pipeline, environment);

/** An empty variable is an unset one: a template has no other way to leave it out. */
function read<Config>(schema: z.ZodType<Config>, environment: Environment = process.env): Config {
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const parsed = schema.safeParse(set, { jitless: true }); // parsed once: compiling a parser for it would take longer
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UserError(`The environment variable ${issue?.path.join('.')} does not fit: ${issue?.message}. Correct or unset it.`);
}

/** The models of a request that names none, and those that it may name. */
export function modelOffer(config: z.infer<z.ZodObject<typeof models>>) {
  return {
    defaults: {
      moderation: config.MODERATION_MODEL,
      detection: config.DETECTION_MODELS,
      verification: config.VERIFICATION_MODEL ?? null,
      synthesis: config.SYNTHESIS_MODEL,
    },
    allowed: config.ALLOWED_MODELS,
    moderationMayBeOff: config.ALLOW_MODERATION_OFF,
  };
}

/** Where events go, and for which region they are signed; null: nowhere. */
export function eventApi({
  EVENTS_ENDPOINT,
}: Pick<PipelineConfig, 'EVENTS_ENDPOINT'>): { endpoint: string; region: string } | null {
  const [endpoint, region] = EVENTS_ENDPOINT?.match(EVENT_API) ?? [];
  return endpoint && region ? { endpoint, region } : null;
}

/** How much one execution looks at, and how much of it at once. */
export function sizeLimits(config: Sizes) {
  return {
    image: imageLimits(config),
    tilesMax: config.TILES_MAX,
    tileConcurrency: config.TILE_CONCURRENCY,
    shardConcurrency: config.SHARD_CONCURRENCY,
  };
}

function imageLimits(config: Sizes): ImageLimits {
  return {
    pixelsMax: config.PIXELS_MAX,
    fileBytesMax: config.FILE_BYTES_MAX,
    workingBytesMax: config.WORKING_BYTES_MAX,
    decodeSecondsMax: config.DECODE_SECONDS_MAX,
    scratchBytesMax: config.SCRATCH_BYTES_MAX,
  };
}
