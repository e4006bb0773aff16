// The variables that several processes read: models, limits of requests, sizes, the log level. Read by config.ts.
import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { ModelId } from './contract/schemas.ts';
import { list, wholeNumber } from './contract/variables.ts';
import { DEFAULT_LIMITS } from './planning/image-limits.ts';
import { TILES_MAX } from './planning/plan.ts';
import { coordinatesNames } from './providers/coordinates.ts';
import { type ModelRole, unfitFor } from './providers/model-roles.ts';

/** `shownDefault` stands in docs/configuration.md for a default that depends on the machine. */
declare module 'zod' {
  interface GlobalMeta {
    shownDefault?: string;
  }
}

/** A model that would fail in every tile, or at the end of an analysis, fails at the start instead. */
const modelFor = (role: ModelRole) =>
  ModelId.refine((model) => unfitFor(role, model) === null, {
    error: ({ input }) => {
      const unfit = unfitFor(role, String(input));
      return unfit ? `expected ${unfit.expected}, because ${unfit.cannot}` : undefined;
    },
  });

export const models = {
  MODERATION_MODEL: modelFor('moderation').default('onnx:nsfw').meta({
    description: 'The model that decides whether an image may be analyzed.',
  }),
  DETECTION_MODELS: list(',')
    .pipe(z.array(modelFor('detection')).min(1))
    .default(['onnx:nanodet', 'onnx:ppocr'])
    .meta({ description: 'The models that detect in every tile, separated by commas.' }),
  VERIFICATION_MODEL: modelFor('verification').optional().meta({
    description: 'The model that verifies uncertain and severe findings if a request asks for it. No verification if unset.',
  }),
  SYNTHESIS_MODEL: modelFor('synthesis').default('rules:summary').meta({
    description: 'The model that writes the summary. `rules:summary` counts by rules, and says so.',
  }),
  JUDGE_MODEL: modelFor('judge').optional().meta({
    description: 'The model that decides where several detection models differ, one of them a language model. No judge if unset.',
  }),
  ASK_MODEL: modelFor('ask').optional().meta({
    description:
      'The language model that answers questions (`ask_image`). If unset, the first language model among the verification, judge, synthesis and detection models.',
  }),
  ALLOWED_MODELS: list(',')
    .pipe(z.array(ModelId))
    .default([])
    .meta({ description: 'Models that a request may choose in addition to those above, separated by commas.' }),
  ALLOW_MODERATION_OFF: z.stringbool().default(false).meta({ description: '`true` lets a request switch moderation off.' }),
};

/** `openai:llava=fractions`, as the model and its coordinates. */
const ModelCoordinates = () =>
  z.templateLiteral([z.string().regex(/^[a-z]+:\S+$/), '=', z.enum(coordinatesNames())], {
    error: `expected MODEL=COORDINATES, for example openai:llava=fractions, with one of ${coordinatesNames().join(', ')}`,
  });

/** A function, because the start of the MCP server has no use for it. */
export const languageModels = () => ({
  MODEL_COORDINATES: list(',').pipe(z.array(ModelCoordinates())).default([]).meta({
    description:
      'The numbers in which language models report boxes, separated by commas, where the registry and calibration are wrong: `openai:llava=fractions,openai:my-model=pixels-y-first`. See docs/models.md.',
  }),
});

/** 256 to 4096, for all clients or for one. */
const VIEW_EDGE = /^(?:[^=\s]{1,100}=)?(?:25[6-9]|2[6-9]\d|[3-9]\d\d|[1-3]\d{3}|40[0-8]\d|409[0-6])$/;

export const requests = {
  COST_USD_MAX: z.coerce
    .number()
    .positive()
    .optional()
    .meta({ description: 'The most that one analysis may spend on models of known price, in US dollars. No limit if unset.' }),
  ISOLATION: z.enum(['account', 'caller']).default('account').meta({
    description:
      '`account`: every caller sees everything. `caller`: each caller sees only what it created; locally this needs `--auth iam`.',
  }),
};

/** What `view_region` shows. */
export const views = {
  MODERATE_VIEWS: z.stringbool().default(false).meta({
    description:
      '`true` shows an image that was not analyzed only once the moderation model allows it. `false`: a view of an image that its caller may read anyway is not moderated.',
  }),
  VIEW_EDGE_PX: list(',')
    .pipe(z.array(z.string().regex(VIEW_EDGE, 'expected PIXELS or CLIENT=PIXELS from 256 to 4096, for example 1568,codex=2048')))
    .default([])
    .meta({
      description:
        'The longer side of a view, in pixels: what the model behind the client sees without shrinking it. Entries `CLIENT=PIXELS` hold for clients whose name begins so: `1568,codex=2048`.',
      shownDefault: '1568',
    }),
};

export const sizes = {
  TILE_CONCURRENCY: wholeNumber(1, 256)
    .default(availableParallelism() * 2)
    .meta({
      description: 'Tiles that one execution, or one shard, analyzes at once; also the calls in flight to one model.',
      shownDefault: 'twice the CPU cores',
    }),
  TILES_MAX: wholeNumber(1, TILES_MAX).default(TILES_MAX).meta({ description: 'The most tiles that a request may analyze.' }),
  SHARD_CONCURRENCY: wholeNumber(1, 64).default(2).meta({
    description:
      'Shards of one large execution that run at once. Locally each occupies one of two worker processes, on AWS one invocation.',
  }),
  PIXELS_MAX: wholeNumber(1, 10_000_000_000)
    .default(DEFAULT_LIMITS.pixelsMax)
    .meta({ description: 'The most pixels of an image.' }),
  FILE_BYTES_MAX: wholeNumber(1).default(DEFAULT_LIMITS.fileBytesMax).meta({ description: 'The most bytes of an image file.' }),
  WORKING_BYTES_MAX: wholeNumber(1)
    .default(DEFAULT_LIMITS.workingBytesMax)
    .meta({ description: 'Memory of a decoder that cannot stream, and again of the rows of tiles in progress, in bytes.' }),
  DECODE_SECONDS_MAX: wholeNumber(1, 3_600) // the longest timeout that sharp accepts
    .default(DEFAULT_LIMITS.decodeSecondsMax)
    .meta({ description: 'The longest decode of an image, in seconds.' }),
  SCRATCH_BYTES_MAX: wholeNumber(1)
    .default(DEFAULT_LIMITS.scratchBytesMax)
    .meta({ description: 'Temporary disk of one image and its pyramid, in bytes.' }),
};

export type Sizes = z.infer<z.ZodObject<typeof sizes>>;

export const common = {
  LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .meta({ description: 'The least severe log entry that is written: `debug`, `info`, `warn`, `error`, or `silent` for none.' }),
  ...sizes,
};
