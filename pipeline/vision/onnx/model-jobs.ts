// What the pool asks of a worker process, and what it answers: plain values, because they are copied between processes. Loads no model.
import { z } from 'zod';
import { Box, Detection, type ModelId } from '../../contract/schemas.ts';
import type { TileJpeg } from '../../ports.ts';
import { ZERO_SHOT_KINDS } from '../../providers/zero-shot-words.ts';
import type { Sidecar } from '../detectors/sidecar.ts';
import type { TextSidecar } from '../detectors/text-sidecar.ts';

/** The kinds of images that onnx:nsfw tells apart, in the order of its output. */
export const NSFW_KINDS = ['Drawing', 'Hentai', 'Neutral', 'Porn', 'Sexy'] as const;
export type NsfwKind = (typeof NSFW_KINDS)[number];

/** How much an image resembles each kind. Between 0 and 1, with a sum of 1. */
export const NsfwScores = z.record(z.enum(NSFW_KINDS), z.number());
export type NsfwScores = z.infer<typeof NsfwScores>;

const ModelName = z.enum(['nanodet', 'ppocr', 'nsfw']);
export type ModelName = z.infer<typeof ModelName>;

/** A registered detector. Its sidecar is parsed, and copied as it is. */
const DetectorFile = z.object({
  modelPath: z.string(),
  /** Changes with the model and with its sidecar. */
  version: z.string(),
  sidecar: z.custom<Sidecar>((sidecar) => typeof sidecar === 'object' && sidecar !== null),
});
export type DetectorFile = z.infer<typeof DetectorFile>;

/** A registered text model. */
const TextModelFiles = z.object({
  /** Paths, and what `sidecar` says about each. */
  paths: z.object({ detector: z.string(), reader: z.string(), dictionary: z.string() }),
  sidecar: z.custom<TextSidecar>((sidecar) => typeof sidecar === 'object' && sidecar !== null),
  /** Changes with the files and with the sidecar. */
  version: z.string(),
});
export type TextModelFiles = z.infer<typeof TextModelFiles>;

/** A zero-shot detector, and the words for which it searches. */
const ZeroShotFile = z.object({
  folder: z.string(),
  /** Changes with the files of the folder. */
  version: z.string(),
  kind: z.enum(ZERO_SHOT_KINDS),
  words: z.array(z.string()),
});
export type ZeroShotFile = z.infer<typeof ZeroShotFile>;

/** What a model answers for one image. */
export interface ModelJob<Result> {
  model: ModelName | DetectorFile | TextModelFiles | ZeroShotFile;
  result: z.ZodType<Result>;
  /** Ends the worker if an image takes longer. A built-in model needs no limit. */
  limit?: { ms: number; sentence: string };
}

/** For a tile, the load of the model included. Large transformers take 3 s on one core. */
const TILE_MS_MAX = 120_000;

/** The limit of a model that a user brought. */
export function tileLimit(model: ModelId): { ms: number; sentence: string } {
  const sentence = `${model} did not finish a tile within ${TILE_MS_MAX / 1_000} s. Use a smaller model, or fewer tiles at once (TILE_CONCURRENCY).`;
  return { ms: TILE_MS_MAX, sentence };
}

/** An object, so that a later version can report more. */
export const Detected = z.object({
  detections: z.array(Detection),
  /** What ran the model. */
  runtime: z.enum(['native', 'wasm']).optional(),
});
export type Detected = z.infer<typeof Detected>;

export const NANODET: ModelJob<Detected> = { model: 'nanodet', result: Detected };
export const PPOCR: ModelJob<Detected> = { model: 'ppocr', result: Detected };
export const NSFW: ModelJob<NsfwScores> = { model: 'nsfw', result: NsfwScores };

export const JobRequest = z.object({
  model: z.union([ModelName, DetectorFile, TextModelFiles, ZeroShotFile]),
  /** A detector leaves out what scores lower. */
  minScore: z.number(),
  image: z.object({
    /** `null` if the worker's last request had the same image. */
    bytes: z.custom<Uint8Array>((bytes) => bytes instanceof Uint8Array).nullable(),
    width: z.number(),
    height: z.number(),
    readLines: z.array(z.object({ box: Box, text: z.string(), score: z.number() })),
  }),
});
export type JobRequest = z.infer<typeof JobRequest>;

/** A request whose image has arrived. */
export type ImageJob = Omit<JobRequest, 'image'> & { image: TileJpeg };

export const JobResponse = z.discriminatedUnion('state', [
  z.object({ state: z.literal('done'), result: z.unknown() }),
  /** The class of an error is lost between processes; its name says whether the caller can fix it. */
  z.object({ state: z.literal('failed'), name: z.string(), message: z.string() }),
]);
export type JobResponse = z.infer<typeof JobResponse>;
