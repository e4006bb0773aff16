// Vision by local ONNX models on the CPU, without a network: onnx:nanodet, onnx:ppocr, onnx:nsfw. Knows what each model can be asked;
// a pool of worker processes runs them.
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { UserError } from '../../contract/errors.ts';
import { lru } from '../../contract/lru.ts';
import type { Ask, Detection, ModelId } from '../../contract/schemas.ts';
import { NO_USAGE } from '../../contract/usage.ts';
import type { Jpeg, Vision } from '../../ports.ts';
import { COCO_LABELS, cocoLabels, cocoLabelsIn } from './coco-labels.ts';
import { type ModelJob, NANODET, NSFW, type NsfwKind, type NsfwScores, PPOCR } from './model-jobs.ts';
import { type ModelPool, modelPool } from './model-pool.ts';

export interface OnnxVisionOptions {
  /** Holds the .onnx files and checksums.json. The repository's own by default. */
  modelsFolder?: string;
  /** Replaces the weights of onnx:nsfw: returns the scores of an image. */
  classify?: (image: Jpeg) => Promise<NsfwScores>;
}

const TEXT = 'text';
const DETECTIONS_MAX = 100; // of 170 bytes each: 17 KB, so that a tile's checkpoint stays under 20 KB
const BLOCKING_KINDS: readonly NsfwKind[] = ['Porn', 'Hentai'];
// Above 0.5 one kind outweighs the other four together; the margin is for uncertain images. The 284 tiles of the example images
// reach 0.09, and 1 of 227 other harmless images is known to be blocked.
const BLOCKING_SCORE_MIN = 0.7;

/** What a model is asked to report, and how that differs from the request. */
interface Selection {
  isWanted: (label: string) => boolean;
  /** False if the model can report nothing that the request wants, so that it need not run. */
  wantsAny: boolean;
  notes: string[];
}

/** Pools by models folder: a process loads each model once, however many adapters it has. */
const POOLS_MAX = 4; // a deployment has one folder
const pools = lru<string, ModelPool>(POOLS_MAX, (pool) => pool.close());

export function onnxVision(options: OnnxVisionOptions = {}): Vision {
  const pool = () => poolOf(options.modelsFolder ?? ownModels());
  const classify = options.classify ?? ((image) => pool().run(NSFW, image));
  return {
    async moderate(model, image) {
      if (model !== 'onnx:nsfw') throw wrongModel(model, 'moderate', 'onnx:nsfw');
      return { ...verdictOf(await classify(image)), usage: NO_USAGE };
    },
    async detect(model, tile, ask) {
      const { job, selection } = detector(model, ask);
      const { isWanted, wantsAny, notes } = selection;
      if (!wantsAny) return { detections: [], usage: NO_USAGE, clipped: 0, notes };
      const wanted = (await pool().run(job, tile)).filter(({ label }) => isWanted(label));
      return {
        detections: highestScores(wanted),
        usage: NO_USAGE,
        clipped: 0,
        notes: [...notes, ...countNotes(model, wanted.length)],
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

function detector(model: ModelId, ask: Ask): { job: ModelJob<Detection[]>; selection: Selection } {
  if (model === 'onnx:nanodet') return { job: NANODET, selection: selectObjects(ask) };
  if (model === 'onnx:ppocr') return { job: PPOCR, selection: selectText(ask) };
  throw wrongModel(model, 'detect', 'onnx:nanodet or onnx:ppocr');
}

function selectObjects({ labels, look_for }: Ask): Selection {
  if (labels.length > 0) {
    const wanted = new Set(labels.flatMap(cocoLabels));
    const notes = labels
      .filter((label) => cocoLabels(label).length === 0 && (!isText(label) || wanted.size === 0))
      .map((label) => `onnx:nanodet knows the ${COCO_LABELS.length} COCO labels; "${label}" is not one of them.`);
    return { isWanted: (label) => wanted.has(label), wantsAny: wanted.size > 0, notes };
  }
  if (look_for === null) return { isWanted: () => true, wantsAny: true, notes: [] };
  const named = cocoLabelsIn(look_for);
  if (named.length === 0) {
    const note = `onnx:nanodet found none of its ${COCO_LABELS.length} COCO labels in look_for and reports everything it knows.`;
    return { isWanted: () => true, wantsAny: true, notes: [note] };
  }
  const note = `onnx:nanodet knows labels, not sentences: from look_for it used ${named.join(', ')}.`;
  return { isWanted: (label) => named.includes(label), wantsAny: true, notes: [note] };
}

/** Text is never left out because of look_for: no rule could decide whether a line answers it. */
function selectText({ labels }: Ask): Selection {
  const notes = labels
    .filter((label) => !isText(label) && cocoLabels(label).length === 0)
    .map((label) => `onnx:ppocr knows only the label "${TEXT}", not "${label}".`);
  return { isWanted: () => true, wantsAny: labels.length === 0 || labels.some(isText), notes };
}

function isText(label: string): boolean {
  return label.trim().toLowerCase() === TEXT;
}

function highestScores(detections: Detection[]): Detection[] {
  if (detections.length <= DETECTIONS_MAX) return detections;
  return detections.toSorted((a, b) => b.score - a.score).slice(0, DETECTIONS_MAX);
}

function countNotes(model: ModelId, count: number): string[] {
  if (count <= DETECTIONS_MAX) return [];
  return [
    `${model} detected more than ${DETECTIONS_MAX} objects in one tile; the ${DETECTIONS_MAX} with the highest scores are kept.`,
  ];
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

/** By a name of package.json: a bundle has them elsewhere, or not at all. */
function ownModels(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve('#models/checksums.json'));
  } catch (cause) {
    const sentence = 'This deployment was built without the local models. Build it with `npm run build -- --models onnx`.';
    throw new UserError(sentence, { cause });
  }
}

function poolOf(modelsFolder: string): ModelPool {
  const pool = pools.get(modelsFolder) ?? modelPool(modelsFolder);
  pools.set(modelsFolder, pool);
  return pool;
}
