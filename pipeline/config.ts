// The environment, parsed once. The only reader of process.env. docs/configuration.md is generated from these schemas.
import { availableParallelism, homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { UserError } from './contract/errors.ts';
import { SHARD_TILES_MAX } from './contract/protocol.ts';
import { ModelId } from './contract/schemas.ts';
import { list, variablesOf } from './contract/variables.ts';
import { DEFAULT_LIMITS, type ImageLimits } from './planning/image-limits.ts';
import { TILES_MAX } from './planning/plan.ts';
import { PROVIDERS } from './providers/provider-registry.ts';
import { SOURCES } from './sources/index.ts';
import { BucketName } from './sources/s3-source.ts';

/** `shownDefault` stands in docs/configuration.md for a default that depends on the machine. */
declare module 'zod' {
  interface GlobalMeta {
    shownDefault?: string;
  }
}

const models = {
  MODERATION_MODEL: ModelId.default('onnx:nsfw').meta({
    description: 'The model that decides whether an image may be analyzed.',
  }),
  DETECTION_MODELS: list(',')
    .pipe(z.array(ModelId).min(1))
    .default(['onnx:nanodet', 'onnx:ppocr'])
    .meta({ description: 'The models that detect in every tile, separated by commas.' }),
  VERIFICATION_MODEL: ModelId.optional().meta({
    description: 'The model that verifies uncertain and severe findings if a request asks for it. No verification if unset.',
  }),
  SYNTHESIS_MODEL: ModelId.default('rules:summary').meta({
    description: 'The model that writes the summary. `rules:summary` counts by rules, and says so.',
  }),
  ALLOWED_MODELS: list(',')
    .pipe(z.array(ModelId))
    .default([])
    .meta({ description: 'Models that a request may choose in addition to those above, separated by commas.' }),
  ALLOW_MODERATION_OFF: z.stringbool().default(false).meta({ description: '`true` lets a request switch moderation off.' }),
};

const requests = {
  COST_USD_MAX: z.coerce
    .number()
    .positive()
    .optional()
    .meta({ description: 'The most that one analysis may spend on models, in US dollars. No limit if unset.' }),
  ISOLATION: z.enum(['account', 'caller']).default('account').meta({
    description:
      '`account`: every caller sees everything. `caller`: each caller sees only what it created; locally this needs `--auth iam`.',
  }),
};

const sizes = {
  TILE_CONCURRENCY: z.coerce
    .number()
    .int()
    .min(1)
    .max(256)
    .default(availableParallelism() * 2)
    .meta({
      description: 'Tiles that one execution, or one shard, analyzes at once; also the calls in flight to one model.',
      shownDefault: 'twice the CPU cores',
    }),
  TILES_MAX: z.coerce
    .number()
    .int()
    .min(1)
    .max(TILES_MAX)
    .default(TILES_MAX)
    .meta({ description: 'The most tiles that a request may analyze.' }),
  SHARD_CONCURRENCY: z.coerce.number().int().min(1).max(64).default(2).meta({
    description:
      'Shards of one large execution that run at once. Locally each occupies one of two worker processes, on AWS one invocation.',
  }),
  PIXELS_MAX: z.coerce
    .number()
    .int()
    .min(1)
    .max(10_000_000_000)
    .default(DEFAULT_LIMITS.pixelsMax)
    .meta({ description: 'The most pixels of an image.' }),
  FILE_BYTES_MAX: z.coerce
    .number()
    .int()
    .min(1)
    .default(DEFAULT_LIMITS.fileBytesMax)
    .meta({ description: 'The most bytes of an image file.' }),
  WORKING_BYTES_MAX: z.coerce
    .number()
    .int()
    .min(1)
    .default(DEFAULT_LIMITS.workingBytesMax)
    .meta({ description: 'Memory of a decoder that cannot stream, and again of the rows of tiles in progress, in bytes.' }),
  DECODE_SECONDS_MAX: z.coerce
    .number()
    .int()
    .min(1)
    .max(3_600) // the longest timeout that sharp accepts
    .default(DEFAULT_LIMITS.decodeSecondsMax)
    .meta({ description: 'The longest decode of an image, in seconds.' }),
  SCRATCH_BYTES_MAX: z.coerce
    .number()
    .int()
    .min(1)
    .default(DEFAULT_LIMITS.scratchBytesMax)
    .meta({ description: 'Temporary disk of one image and its pyramid, in bytes.' }),
};

type Sizes = z.infer<z.ZodObject<typeof sizes>>;

const common = {
  LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .meta({ description: 'The least severe log entry that is written: `debug`, `info`, `warn`, `error`, or `silent` for none.' }),
  ...sizes,
};

const Local = z.object({
  TILESIGHT_HOME: z
    .string()
    .default(join(homedir(), '.tilesight'))
    .transform((path) => resolve(path))
    .meta({
      description: 'The data folder: uploads, results and the engine’s database. `--data` overrides it.',
      shownDefault: '~/.tilesight',
    }),
  RETENTION_DAYS: z.coerce.number().positive().optional().meta({
    description: 'Days after its end until an execution is deleted with everything that is stored of it. Kept if unset.',
  }),
  ...variablesOf(SOURCES.local),
  ...variablesOf(PROVIDERS),
  ...models,
  ...requests,
  ...common,
});
export type Config = z.infer<typeof Local>;

const aws = {
  BUCKET: BucketName.meta({ description: 'The bucket of this deployment.' }),
  ...variablesOf(SOURCES.aws),
  ...common,
};

const McpServer = z.object({
  ...aws,
  ...models,
  ...requests,
  PIPELINE_FUNCTION: z
    .string()
    .regex(/^[^:]+:[^:]+$|^arn:.*:function:[^:]+:[^:]+$/, 'expected a name and an alias, such as pipeline:live')
    .meta({
      description: 'Name and alias of the pipeline function: a durable execution starts on a qualified name only.',
    }),
});
export type McpServerConfig = z.infer<typeof McpServer>;

/** The domain of the service itself, not a custom one: it contains the region that requests are signed for. */
const EVENT_API = /^https:\/\/[a-z0-9]+\.appsync-api\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$/;

const Pipeline = z.object({
  ...aws,
  ...variablesOf(PROVIDERS),
  EVENTS_ENDPOINT: z
    .string()
    .regex(EVENT_API, 'expected https://ID.appsync-api.REGION.amazonaws.com, the HTTP domain of an Event API')
    .optional()
    .meta({
      description: 'HTTP domain of the AppSync Event API to which the progress of executions is published. No events if unset.',
    }),
  AWS_LAMBDA_FUNCTION_NAME: z.string().min(1).meta({ description: 'Set by Lambda. Also names the metrics of this deployment.' }),
  AWS_LAMBDA_FUNCTION_VERSION: z
    .string()
    .min(1)
    .meta({ description: 'Set by Lambda. Shards run on the version that planned them.' }),
});
export type PipelineConfig = z.infer<typeof Pipeline>;

/** The variables that each process reads. */
export const ENVIRONMENTS = { local: Local.shape, mcpServer: McpServer.shape, pipeline: Pipeline.shape };
/** For docs/configuration.md: variables that belong together. */
export const VARIABLE_GROUPS = { models, requests, sizes };

type Environment = Record<string, string | undefined>;

/** The configuration of the local deployment. Throws a UserError that names the first invalid variable. */
export const readConfig = (environment?: Environment): Config => read(Local, environment);
/** The configuration of the MCP server's function on AWS. Throws as `readConfig`. */
export const readMcpServerConfig = (environment?: Environment): McpServerConfig => read(McpServer, environment);
/** The configuration of the pipeline's function on AWS. Throws as `readConfig`. */
export const readPipelineConfig = (environment?: Environment): PipelineConfig => read(Pipeline, environment);

/** An empty variable counts as unset: a template cannot omit one. */
function read<Config>(schema: z.ZodType<Config>, environment: Environment = process.env): Config {
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const parsed = schema.safeParse(set, { jitless: true }); // used once: compiling a parser would take longer
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UserError(`The environment variable ${issue?.path.join('.')} is invalid: ${issue?.message}. Correct or unset it.`);
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

/** Where events are published, and the region that requests are signed for. `null` if nowhere. */
export function eventApi({
  EVENTS_ENDPOINT,
}: Pick<PipelineConfig, 'EVENTS_ENDPOINT'>): { endpoint: string; region: string } | null {
  const [endpoint, region] = EVENTS_ENDPOINT?.match(EVENT_API) ?? [];
  return endpoint && region ? { endpoint, region } : null;
}

/** How much one execution analyzes, and how much of it at once. */
export function sizeLimits(config: Sizes) {
  return {
    image: imageLimits(config),
    tilesMax: config.TILES_MAX,
    tileConcurrency: config.TILE_CONCURRENCY,
    shardTilesMax: SHARD_TILES_MAX,
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
