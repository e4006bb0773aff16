// The environment, parsed once. The only reader of process.env. docs/configuration.md is generated from these schemas.
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { common, languageModels, models, requests, type Sizes, sizes, views } from './config-variables.ts';
import { UserError } from './contract/errors.ts';
import { SHARD_TILES_MAX } from './contract/protocol.ts';
import { variablesOf, wholeNumber } from './contract/variables.ts';
import type { ImageLimits } from './planning/image-limits.ts';
import { ExecutionProvider } from './providers/execution-providers.ts';
import { PROVIDERS } from './providers/provider-registry.ts';
import { SOURCES } from './sources/index.ts';
import { BucketName } from './sources/s3-source.ts';

/** The characters of a bearer token (RFC 6750, section 2.1). 32 of them at random cannot be guessed. */
export const ACCESS_TOKEN = /^[\w.~+/-]{32,512}={0,2}$/;
/** Never with the token itself. */
export const ACCESS_TOKEN_FORM =
  '32 to 512 letters, digits and characters of -._~+/, such as the output of `openssl rand -hex 32`';

// Functions, because each process reads one of them: schemas that it does not use would only delay its start.
const local = () =>
  z.object({
    TILESIGHT_HOME: z
      .string()
      .default(join(homedir(), '.tilesight'))
      .transform((path) => resolve(path))
      .meta({
        description: 'The data folder: uploads, results and the engine’s database. `--data` overrides it.',
        shownDefault: '~/.tilesight',
      }),
    TILESIGHT_TOKEN: z.string().regex(ACCESS_TOKEN, `expected ${ACCESS_TOKEN_FORM}`).optional().meta({
      description:
        'The token of `tilesight serve --auth token`, if no `--token-file` names one. `tilesight connect` and `tilesight delete --url` send it. Create one with `openssl rand -hex 32`.',
    }),
    RETENTION_DAYS: z.coerce.number().positive().optional().meta({
      description:
        'Days after its end until an execution is deleted with everything stored for it. If unset, executions are kept.',
    }),
    CALLER_UPLOAD_BYTES_MAX: wholeNumber(1)
      .default(68_719_476_736)
      .meta({ description: 'The most bytes of uploads that are stored at once for a caller. Uploads are deleted after a day.' }),
    CALLER_EXECUTIONS_MAX: wholeNumber(1)
      .default(1_000)
      .meta({ description: 'The most executions of a caller that are queued or running at once.' }),
    CALLER_STORED_BYTES_MAX: wholeNumber(1)
      .default(1_099_511_627_776)
      .meta({ description: 'The most bytes that are stored for a caller in all: uploads, pyramids and results.' }),
    // Lambda has only CPUs.
    ONNX_EXECUTION_PROVIDER: ExecutionProvider.default('cpu').meta({
      description:
        'What runs local models, by the names of the ONNX runtime: `cuda` and `tensorrt` (NVIDIA, Linux), `coreml` (macOS), `dml` (Windows), `webgpu`, and `wasm` (WebAssembly on the CPU, slower; it replaces the native runtime where that one cannot be loaded). One that this machine lacks ends the analysis with a sentence.',
    }),
    HF_HUB_CACHE: z.string().optional().meta({
      description:
        'The cache of Hugging Face’s hub, in which `hf:OWNER/MODEL@COMMIT` is searched. The tools of Hugging Face read the same variable.',
      shownDefault: '~/.cache/huggingface/hub',
    }),
    ...variablesOf(SOURCES.local),
    ...variablesOf(PROVIDERS),
    ...models,
    ...languageModels(),
    ...requests,
    ...views,
    ...common,
  });
export type Config = z.infer<ReturnType<typeof local>>;

const aws = () => ({
  BUCKET: BucketName.meta({ description: 'The bucket of this deployment.' }),
  ...variablesOf(SOURCES.aws),
  ...common,
});

const mcpServer = () =>
  z.object({
    ...aws(),
    ...models,
    ...requests,
    ...views,
    PIPELINE_FUNCTION: z
      .string()
      .regex(/^[^:]+:[^:]+$|^arn:.*:function:[^:]+:[^:]+$/, 'expected a name and an alias, such as pipeline:live')
      .meta({
        description: 'Name and alias of the pipeline function: a durable execution starts on a qualified name only.',
      }),
    PIPELINE_MEMORY_MB: z.coerce.number().int().min(128).default(3_008).meta({
      description: 'Memory of the pipeline function, which decides its share of CPU cores: for estimates of local models.',
    }),
  });
export type McpServerConfig = z.infer<ReturnType<typeof mcpServer>>;

/** The domain of the service itself, not a custom one: it contains the region that requests are signed for. */
const EVENT_API = /^https:\/\/[a-z0-9]+\.appsync-api\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$/;

const pipeline = () =>
  z.object({
    ...aws(),
    ...variablesOf(PROVIDERS),
    ...languageModels(),
    EVENTS_ENDPOINT: z
      .string()
      .regex(EVENT_API, 'expected https://ID.appsync-api.REGION.amazonaws.com, the HTTP domain of an Event API')
      .optional()
      .meta({
        description: 'HTTP domain of the AppSync Event API to which the progress of executions is published. No events if unset.',
      }),
    AWS_LAMBDA_FUNCTION_NAME: z
      .string()
      .min(1)
      .meta({ description: 'Set by Lambda. Also names the metrics of this deployment.' }),
    AWS_LAMBDA_FUNCTION_VERSION: z
      .string()
      .min(1)
      .meta({ description: 'Set by Lambda. Shards run on the version that planned them.' }),
  });
export type PipelineConfig = z.infer<ReturnType<typeof pipeline>>;

/** The variables that each process reads. */
export const ENVIRONMENTS = { local: () => local().shape, mcpServer: () => mcpServer().shape, pipeline: () => pipeline().shape };
/** For docs/configuration.md: variables that belong together. */
export const VARIABLE_GROUPS = { models: { ...models, ...languageModels() }, requests, views, sizes };

/** What most models see without shrinking it: docs.claude.com, "Vision". */
const VIEW_EDGE_PX_DEFAULT = 1_568;

type Environment = Record<string, string | undefined>;

/** The configuration of the local deployment. Throws a UserError that names the first invalid variable. */
export const readConfig = (environment?: Environment): Config => read(local(), environment);
/** The configuration of the MCP server's function on AWS. Throws as `readConfig`. */
export const readMcpServerConfig = (environment?: Environment): McpServerConfig => read(mcpServer(), environment);
/** The configuration of the pipeline's function on AWS. Throws as `readConfig`. */
export const readPipelineConfig = (environment?: Environment): PipelineConfig => read(pipeline(), environment);

/** An empty variable counts as unset: a template cannot omit one. */
function read<Config>(schema: z.ZodType<Config>, environment: Environment = process.env): Config {
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const parsed = schema.safeParse(set, { jitless: true }); // used once: compiling a parser would take longer
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  // The path of a list goes on with the place of an entry.
  throw new UserError(`The environment variable ${String(issue?.path[0])} is invalid: ${issue?.message}. Correct or unset it.`);
}

/** The models of a request that names none, and those that it may name. */
export function modelOffer(config: z.infer<z.ZodObject<typeof models>>) {
  return {
    defaults: {
      moderation: config.MODERATION_MODEL,
      detection: config.DETECTION_MODELS,
      verification: config.VERIFICATION_MODEL ?? null,
      synthesis: config.SYNTHESIS_MODEL,
      ...(config.JUDGE_MODEL !== undefined && { judge: config.JUDGE_MODEL }),
    },
    ...(config.ASK_MODEL !== undefined && { ask: config.ASK_MODEL }),
    allowed: config.ALLOWED_MODELS,
    moderationMayBeOff: config.ALLOW_MODERATION_OFF,
  };
}

/** A warning if MODEL_COORDINATES names models that nothing uses, as a misspelled one; `null` otherwise. */
export function unusedCoordinates(
  config: z.infer<z.ZodObject<typeof models>> & Pick<Config, 'MODEL_COORDINATES'>,
): string | null {
  const { defaults, allowed } = modelOffer(config);
  const used = new Set([...Object.values(defaults).flat(), ...allowed]);
  const unused = config.MODEL_COORDINATES.map((pair) => pair.slice(0, pair.lastIndexOf('='))).filter((model) => !used.has(model));
  if (unused.length === 0) return null;
  const verb = unused.length === 1 ? 'is none' : 'are none';
  return `MODEL_COORDINATES names ${new Intl.ListFormat('en').format(unused)}, which ${verb} of the models of this server: it has no effect on ${unused.length === 1 ? 'it' : 'them'}.`;
}

/** What views show, and to whom. */
export function viewPolicy({ MODERATE_VIEWS, VIEW_EDGE_PX }: z.infer<z.ZodObject<typeof views>>) {
  const edges = VIEW_EDGE_PX.map((entry) => {
    const [pixels = '', client = ''] = entry.split('=').reverse();
    return { client: client.toLowerCase(), px: Number(pixels) };
  });
  return {
    moderated: MODERATE_VIEWS,
    /** By the name of the client, or of its program; the longest entry that fits decides. */
    edgePxFor(client: string | null): number {
      const isFor = (named: string) => named === '' || (client?.toLowerCase().startsWith(named) ?? false);
      const fitting = edges.filter((edge) => isFor(edge.client));
      const [first] = fitting.sort((a, b) => b.client.length - a.client.length);
      return first?.px ?? VIEW_EDGE_PX_DEFAULT;
    },
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
