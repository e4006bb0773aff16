// Vision by local ONNX models on the CPU, without a network: onnx:nanodet, onnx:ppocr, onnx:nsfw and registered detectors. Knows what each
// model can be asked; a pool of worker processes runs them.
import { isDeepStrictEqual } from 'node:util';
import { UserError } from '../../contract/errors.ts';
import type { Ask, ModelId } from '../../contract/schemas.ts';
import { NO_USAGE } from '../../contract/usage.ts';
import type { Jpeg, TileJpeg, Vision } from '../../ports.ts';
import { isOwnDetector } from '../../providers/detector-names.ts';
import type { ExecutionProvider } from '../../providers/execution-providers.ts';
import { type Selection, selectObjects, selectOwn, selectText } from '../../providers/local-labels.ts';
import type { DetectorRegistry } from '../registered-detectors.ts';
import { countNotes, highestScores, OBJECTS_MAX } from './highest-scores.ts';
import { Detected, type ModelJob, NANODET, NSFW, type NsfwKind, type NsfwScores, PPOCR, tileLimit } from './model-jobs.ts';
import type { ModelPool } from './model-pool.ts';
import { sharedPool } from './shared-pools.ts';

export interface OnnxVisionOptions {
  /** Holds the .onnx files and checksums.json. The repository's own by default. */
  modelsFolder?: string;
  /** The CPU by default. */
  executionProvider?: ExecutionProvider | undefined;
  /** `null` if only the built-in models can be used. */
  detectors?: Pick<DetectorRegistry, 'files'> | null;
  /** Replaces the weights of onnx:nsfw: returns the scores of an image. */
  classify?: (image: Jpeg) => Promise<NsfwScores>;
}

const LINES_MAX = 400; // a spreadsheet of 40 rows and 10 columns; of 230 bytes each with corners: 92 KB, beside the checkpoint
const BLOCKING_KINDS: readonly NsfwKind[] = ['Porn', 'Hentai'];
// Above 0.5 one kind outweighs the other four together; the margin is for uncertain images. The 284 tiles of the example images
// reach 0.09, and 1 of 227 other harmless images is known to be blocked.
const BLOCKING_SCORE_MIN = 0.7;

export function onnxVision(options: OnnxVisionOptions = {}): Vision {
  const pool = () => sharedPool(options.executionProvider, options.modelsFolder);
  const classify = options.classify ?? ((image) => pool().run(NSFW, image));
  return {
    async moderate(model, image) {
      if (model !== 'onnx:nsfw') throw wrongModel(model, 'moderate', 'onnx:nsfw');
      return { ...verdictOf(await classify(image)), usage: NO_USAGE };
    },
    async detect(model, tile, ask) {
      const detectorOf = (afresh: boolean) => detector(model, ask, options.detectors ?? null, afresh);
      const known = await detectorOf(false);
      const run = async (found: Detector) => ({ found, ...(await ran(pool(), found, tile, ask)) });
      const { found, detections, runtime } = await run(known).catch(async (error: unknown) => {
        if (!(error instanceof UserError) || known.version === undefined) throw error;
        const now = await detectorOf(true); // it may have been replaced since its sidecar was read
        if (isDeepStrictEqual(now.job.model, known.job.model)) throw error;
        return await run(now);
      });
      const { selection, detectionsMax, version } = found;
      const { isWanted, notes } = selection;
      const wanted = detections.filter(({ label }) => isWanted(label));
      return {
        detections: highestScores(wanted, detectionsMax),
        usage: NO_USAGE,
        clipped: 0,
        notes: [
          ...notes,
          ...countNotes(model, wanted.length, detectionsMax),
          ...(runtime === 'wasm' ? [noteOnWasm(options.executionProvider)] : []),
        ],
        ...(version !== undefined && { version }),
      };
    },
    async verify(model) {
      throw wrongModel(model, 'verify', 'a language model');
    },
    async summarize(model) {
      throw wrongModel(model, 'summarize', 'rules:summary or a language model');
    },
  };
}

interface Detector {
  job: ModelJob<Detected>;
  selection: Selection;
  detectionsMax: number;
  version?: string;
}

/** Runs no model if the request names nothing that it knows. */
async function ran(pool: ModelPool, { job, selection }: Detector, tile: TileJpeg, ask: Ask): Promise<Detected> {
  return selection.wantsAny ? await pool.run(job, tile, ask.min_score) : { detections: [] };
}

async function detector(model: ModelId, ask: Ask, detectors: OnnxVisionOptions['detectors'], afresh: boolean): Promise<Detector> {
  if (model === 'onnx:nanodet') return { job: NANODET, selection: selectObjects(ask), detectionsMax: OBJECTS_MAX };
  if (model === 'onnx:ppocr') return { job: PPOCR, selection: selectText(ask), detectionsMax: LINES_MAX };
  if (!detectors || !isOwnDetector(model)) throw wrongModel(model, 'detect', 'onnx:nanodet or onnx:ppocr');
  const files = await detectors.files(model, afresh);
  const { version, labels } = files;
  const limit = tileLimit(model);
  if ('paths' in files) {
    const { paths, sidecar } = files;
    const job = { model: { paths, sidecar, version }, result: Detected, limit };
    return { job, selection: selectText(ask, model), detectionsMax: LINES_MAX, version };
  }
  const { modelPath, sidecar } = files;
  const job = { model: { modelPath, sidecar, version }, result: Detected, limit };
  return { job, selection: selectOwn(model, labels, ask), detectionsMax: OBJECTS_MAX, version };
}

function noteOnWasm(executionProvider: ExecutionProvider = 'cpu'): string {
  const reason =
    executionProvider === 'wasm'
      ? ' (ONNX_EXECUTION_PROVIDER)'
      : `, because the native runtime cannot be loaded on this system (${process.platform}-${process.arch})`;
  return `The local models ran in WebAssembly${reason}. They find the same, about 3 times slower.`;
}

/** Blocked if the score of a blocking kind is high enough. */
function verdictOf(scores: NsfwScores): { allowed: true } | { allowed: false; category: string; score: number } {
  const [worst] = BLOCKING_KINDS.map((category) => ({ category, score: scores[category] })).sort((a, b) => b.score - a.score);
  if (!worst || worst.score <= BLOCKING_SCORE_MIN) return { allowed: true };
  return { allowed: false, category: worst.category, score: Math.round(worst.score * 1_000) / 1_000 };
}

function wrongModel(model: ModelId, verb: string, suitable: string): UserError {
  return new UserError(`The model ${model} cannot ${verb}, or does not exist. Choose ${suitable}.`);
}
