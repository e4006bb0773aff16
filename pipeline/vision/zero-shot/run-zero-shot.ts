// Runs a zero-shot detector on a tile: tile and words in, detections out, in pixels of the tile. For a model worker: loads an optional
// package and onnxruntime. Opens no connection.
import '../onnx/no-telemetry.ts';

import { z } from 'zod';
import { at } from '../../contract/at.ts';
import { AnswerError, UserError } from '../../contract/errors.ts';
import { lru } from '../../contract/lru.ts';
import type { Detection } from '../../contract/schemas.ts';
import type { Jpeg } from '../../ports.ts';
import type { ExecutionProvider } from '../../providers/execution-providers.ts';
import type { ZeroShotKind } from '../../providers/zero-shot-words.ts';
import { suppressed } from '../detectors/candidates.ts';
import { boxInTile } from '../detectors/letterbox.ts';
import { mergeScore, modelScore } from '../detectors/sidecar.ts';
import type { ZeroShotFile } from '../onnx/model-jobs.ts';
import { decode, type Pixels } from '../onnx/pixels.ts';
import { sessionOptions } from '../onnx/sessions.ts';
import { type GroundingParts, groundedWords, NO_NUMBER } from './grounding-dino.ts';
import { missingPackage, PACKAGE } from './package.ts';

const MODELS_KEPT_MAX = 2; // of 150 to 700 MB each
/** The lowest score of a good detection in the examples of the makers. */
const SCALES: Record<ZeroShotKind, { score_min: number }> = {
  owlvit: { score_min: 0.1 },
  owlv2: { score_min: 0.1 },
  'grounding-dino': { score_min: 0.35 },
};
/** The models repeat an object in neighboring patches, and have no NMS of their own. */
const NMS = { iou: 0.5, across_labels: false } as const;
const PADDING_GRAY = 128;

const Found = z.array(
  z.object({
    score: z.number().min(0).max(1),
    label: z.string(),
    box: z.object({ xmin: z.number(), ymin: z.number(), xmax: z.number(), ymax: z.number() }),
  }),
);

/** What is used of the package. */
export interface Library {
  env: { allowRemoteModels: boolean; useFSCache: boolean };
  RawImage: new (rgb: Uint8Array, width: number, height: number, channels: 3) => object;
  pipeline(task: 'zero-shot-object-detection', folder: string, options: object): Promise<Detector>;
}
interface Detector extends GroundingParts {
  (image: object, words: readonly string[], options: { threshold: number; percentage: true }): Promise<unknown>;
  dispose(): Promise<unknown>;
}

export type RunZeroShot = (model: ZeroShotFile, tile: Jpeg, scoreMin: number) => Promise<Detection[]>;

/** Keeps the models that it loads. Detections come by falling score, mapped onto the scale of the merge, as `scoreMin` is. */
export function zeroShotRunner(
  device: ExecutionProvider = 'cpu',
  load: () => Promise<Library> = () => import(PACKAGE),
): RunZeroShot {
  const kept = lru<string, Promise<Detector>>(MODELS_KEPT_MAX, (detector) => {
    detector.then((ended) => ended.dispose()).catch(() => {}); // it never loaded
  });
  const detectorOf = (library: Library, { folder, version }: ZeroShotFile): Promise<Detector> => {
    const known = kept.get(version);
    if (known !== undefined) return known;
    const loading = loadDetector(library, folder, device);
    kept.set(version, loading);
    loading.catch(() => kept.delete(version));
    return loading;
  };
  return async (model, tile, scoreMin) => {
    const library = await offline(load);
    const detector = await detectorOf(library, model);
    const pixels = await decode(tile);
    const { rgb, width, height } = model.kind === 'owlv2' ? square(pixels) : pixels;
    // Fractions of the sides: the library rounds boxes in pixels.
    const scale = SCALES[model.kind];
    const threshold = modelScore(scoreMin, scale);
    const image = new library.RawImage(rgb, width, height, 3);
    const running =
      model.kind === 'grounding-dino'
        ? groundedWords(detector, image, { words: model.words, threshold, size: { width, height } })
        : detector(image, model.words, { threshold, percentage: true });
    const answer = await running.catch((cause: unknown) => {
      if (cause instanceof AnswerError) throw cause;
      throw new AnswerError('The zero-shot model failed on this tile. If every tile fails, its files do not fit together.', {
        cause,
      });
    });
    const { data: found, error } = Found.safeParse(answer);
    if (!found) throw new AnswerError(NO_NUMBER, { cause: error });
    const candidates = found.map(({ score, label, box }) => ({
      score,
      label: model.words.indexOf(label),
      left: box.xmin * width,
      top: box.ymin * height,
      right: box.xmax * width,
      bottom: box.ymax * height,
    }));
    const placement = { left: 0, top: 0, width, height, scaleX: 1, scaleY: 1 };
    return suppressed(candidates, NMS).flatMap((candidate): Detection[] => {
      const box = boxInTile(candidate, placement, pixels);
      const label = at(model.words, candidate.label);
      const score = Math.round(mergeScore(candidate.score, scale) * 1_000) / 1_000;
      return box ? [{ label, description: label, score, severity: 'info', box, text: null }] : [];
    });
  };
}

/** Before anything is loaded with it. */
async function offline(load: () => Promise<Library>): Promise<Library> {
  const library = await load().catch((cause: unknown) => {
    throw missingPackage(cause);
  });
  library.env.allowRemoteModels = false;
  library.env.useFSCache = false;
  return library;
}

async function loadDetector(library: Library, folder: string, device: ExecutionProvider): Promise<Detector> {
  const options = { local_files_only: true, dtype: 'fp32', device, session_options: sessionOptions(device) };
  return await library.pipeline('zero-shot-object-detection', folder, options).catch((cause: unknown) => {
    const sentence = 'The files of the zero-shot model cannot be loaded: one of them is damaged, or they do not fit together.';
    throw new UserError(`${sentence} Copy the model again.`, { cause });
  });
}

/** OWLv2 was trained on squares, padded at the right and below; the library would stretch the tile. */
function square({ rgb, width, height }: Pixels): Pixels {
  const edge = Math.max(width, height);
  if (width === height) return { rgb, width, height };
  const padded = new Uint8Array(edge * edge * 3).fill(PADDING_GRAY);
  for (let y = 0; y < height; y++) padded.set(rgb.subarray(y * width * 3, (y + 1) * width * 3), y * edge * 3);
  return { rgb: padded, width: edge, height: edge };
}
