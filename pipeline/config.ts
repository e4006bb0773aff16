// The environment, parsed once. The only reader of process.env.
import { availableParallelism, homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { z } from 'zod';
import { ModelId } from './core/contract.ts';
import { UserError } from './core/errors.ts';
import { ImageHost } from './core/image-hosts.ts';
import { DEFAULT_LIMITS, type PictureLimits } from './core/picture-limits.ts';
import { TILES_MAX } from './core/plan.ts';

const list = (separator: string) =>
  z.string().transform((text) =>
    text
      .split(separator)
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  );

const Environment = z.object({
  /** The folder of the local deployment: executions, uploads, the engine's database. */
  TILESIGHT_HOME: z
    .string()
    .default(join(homedir(), '.tilesight'))
    .transform((path) => resolve(path)),
  /** Folders whose pictures may be named with file://, separated like PATH. */
  ALLOWED_FOLDERS: list(delimiter).default([]),
  /** Hosts whose https:// pictures may be named, separated by commas; forms in core/image-hosts.ts. */
  ALLOWED_IMAGE_HOSTS: list(',').pipe(z.array(ImageHost)).default([]),
  MODERATION_MODEL: ModelId.default('onnx:nsfw'),
  DETECTION_MODELS: list(',').pipe(z.array(ModelId).min(1)).default(['onnx:nanodet', 'onnx:ppocr']),
  /** Second looks at doubtful findings; none when unset. */
  VERIFICATION_MODEL: ModelId.optional(),
  SYNTHESIS_MODEL: ModelId.default('rules:summary'),
  /** Models that a request may name beside those above, separated by commas. */
  ALLOWED_MODELS: list(',').pipe(z.array(ModelId)).default([]),
  /** `true` lets a request switch moderation off. */
  ALLOW_MODERATION_OFF: z.stringbool().default(false),
  /** The address of an OpenAI-compatible server for openai: models; OpenAI's own when unset. */
  OPENAI_BASE_URL: z.url().optional(),
  OPENAI_API_KEY: z.string().min(1).optional(),
  /** Tiles looked at at once by one execution. */
  TILE_CONCURRENCY: z.coerce
    .number()
    .int()
    .min(1)
    .max(256)
    .default(availableParallelism() * 2),
  /** The most that one request may spend on models; no limit when unset. */
  COST_USD_MAX: z.coerce.number().positive().optional(),
  /** The most tiles that a request may look at. */
  TILES_MAX: z.coerce.number().int().min(1).max(TILES_MAX).default(TILES_MAX),
  /** Parts of one large execution that run at once. Here each takes one of two worker processes. */
  SHARD_CONCURRENCY: z.coerce.number().int().min(1).max(64).default(2),
  // The largest picture that is taken; sums in core/picture-limits.ts.
  PIXELS_MAX: z.coerce.number().int().min(1).max(10_000_000_000).default(DEFAULT_LIMITS.pixelsMax),
  FILE_BYTES_MAX: z.coerce.number().int().min(1).default(DEFAULT_LIMITS.fileBytesMax),
  WORKING_BYTES_MAX: z.coerce.number().int().min(1).default(DEFAULT_LIMITS.workingBytesMax),
  DECODE_SECONDS_MAX: z.coerce.number().int().min(1).max(3_600).default(DEFAULT_LIMITS.decodeSecondsMax), // what sharp takes
  SCRATCH_BYTES_MAX: z.coerce.number().int().min(1).default(DEFAULT_LIMITS.scratchBytesMax),
  /** Who sees what: `account`, every caller all of it; `caller`, each only what it made. */
  ISOLATION: z.enum(['account', 'caller']).default('account'),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
});
export type Config = z.infer<typeof Environment>;

/** Throws a UserError that names the first variable that does not fit. */
export function readConfig(environment: Record<string, string | undefined> = process.env): Config {
  const parsed = Environment.safeParse(environment);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UserError(`The environment variable ${issue?.path.join('.')} does not fit: ${issue?.message}. Correct or unset it.`);
}

/** How much one execution looks at, and how much of it at once. */
export function sizeLimits(config: Config) {
  return {
    picture: pictureLimits(config),
    tilesMax: config.TILES_MAX,
    tileConcurrency: config.TILE_CONCURRENCY,
    shardConcurrency: config.SHARD_CONCURRENCY,
  };
}

function pictureLimits(config: Config): PictureLimits {
  return {
    pixelsMax: config.PIXELS_MAX,
    fileBytesMax: config.FILE_BYTES_MAX,
    workingBytesMax: config.WORKING_BYTES_MAX,
    decodeSecondsMax: config.DECODE_SECONDS_MAX,
    scratchBytesMax: config.SCRATCH_BYTES_MAX,
  };
}
