// Vision by local ONNX models on the CPU, without a network: onnx:nanodet, onnx:ppocr, onnx:nsfw.
// Knows what each model can be asked; what it sees comes from a pool of worker processes.
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { UserError } from '../../contract/errors.ts';
import type { Ask, Detection, ModelId } from '../../contract/schemas.ts';
import { NO_USAGE } from '../../contract/usage.ts';
import type { Jpeg, Vision } from '../../ports.ts';
import { COCO_LABELS, cocoLabels, cocoLabelsIn } from './coco-labels.ts';
import { type Pool, workerPool } from './model-pool.ts';
import type { NsfwKind, NsfwScores } from './nsfw.ts';

export interface OnnxVisionOptions {
  /** Holds the .onnx files and checksums.json; the repository's own when left out. */
  modelsFolder?: string;
  /** Stands in for onnx:nsfw's weights: scores of an image by kind. */
  classify?: (image: Jpeg) => Promise<NsfwScores>;
}

const TEXT = 'text';
const DETECTIONS_MAX = 100; // of 170 bytes each: 17 KB, so that a tile's checkpoint stays under 20 KB
const BLOCKING_KINDS: readonly NsfwKind[] = ['Porn', 'Hentai'];
// Above 0.5 one kind outweighs the other four together; the margin is for the doubtful. The 284 tiles of the example images
// reach 0.09, and 1 of 227 other harmless images is known to be blocked.
const BLOCKING_SCORE_MIN = 0.7;

/** What a model is asked to report, and how that differs from what the caller wrote. */
interface Wish {
  wanted: (label: string) => boolean;
  /** False when it could report nothing that was asked for. */
  look: boolean;
  notes: string[];
}

/** Pools by models folder: sessions are loaded once a process however many adapters there are. */
const pools = new Map<string, Pool>();

export function onnxVision(options: OnnxVisionOptions = {}): Vision {
  const pool = () => poolOf(options.modelsFolder ?? ownModels());
  const classify = options.classify ?? ((image) => pool().look('nsfw', image));
  return {
    async moderate(model, image) {
      if (model !== 'onnx:nsfw') throw wrongModel('moderation', 'onnx:nsfw', model);
      return { ...verdict(await classify(image)), usage: NO_USAGE };
    },
    async detect(model, tile, ask) {
      const [look, wish] = detector(model, ask);
      if (!wish.look) return { detections: [], usage: NO_USAGE, clipped: 0, notes: wish.notes };
      const seen = (await pool().look(look, tile)).filter(({ label }) => wish.wanted(label));
      const notes = [...wish.notes, ...notesOnCount(model, seen.length)];
      return { detections: surest(seen), usage: NO_USAGE, clipped: 0, notes };
    },
    async verify(model) {
      throw wrongModel('a second look', 'a language model', model);
    },
    async summarize(model) {
      throw wrongModel('the summary', 'rules:summary', model);
    },
  };
}

function detector(model: ModelId, ask: Ask): ['nanodet' | 'ppocr', Wish] {
  if (model === 'onnx:nanodet') return ['nanodet', wishForThings(ask)];
  if (model === 'onnx:ppocr') return ['ppocr', wishForText(ask)];
  throw wrongModel('detection', 'onnx:nanodet or onnx:ppocr', model);
}

function wishForThings({ labels, look_for }: Ask): Wish {
  if (labels.length > 0) {
    const wanted = new Set(labels.flatMap(cocoLabels));
    const notes = labels
      .filter((label) => cocoLabels(label).length === 0 && (!isText(label) || wanted.size === 0))
      .map((label) => `onnx:nanodet knows the ${COCO_LABELS.length} COCO labels; "${label}" is not one of them.`);
    return { wanted: (label) => wanted.has(label), look: wanted.size > 0, notes };
  }
  if (look_for === null) return { wanted: () => true, look: true, notes: [] };
  const named = cocoLabelsIn(look_for);
  if (named.length === 0) {
    const note = `onnx:nanodet found none of its ${COCO_LABELS.length} COCO labels in look_for and reports everything it knows.`;
    return { wanted: () => true, look: true, notes: [note] };
  }
  const note = `onnx:nanodet knows labels, not sentences: from look_for it took ${named.join(', ')}.`;
  return { wanted: (label) => named.includes(label), look: true, notes: [note] };
}

/** What is written is never left out because of look_for: no rule could tell whether a line answers it. */
function wishForText({ labels }: Ask): Wish {
  const look = labels.length === 0 || labels.some(isText);
  const notes = labels
    .filter((label) => !isText(label) && cocoLabels(label).length === 0)
    .map((label) => `onnx:ppocr knows the label "${TEXT}" only; "${label}" is not it.`);
  return { wanted: () => true, look, notes };
}

function isText(label: string): boolean {
  return label.trim().toLowerCase() === TEXT;
}

function surest(detections: Detection[]): Detection[] {
  if (detections.length <= DETECTIONS_MAX) return detections;
  return detections.toSorted((a, b) => b.score - a.score).slice(0, DETECTIONS_MAX);
}

function notesOnCount(model: ModelId, count: number): string[] {
  return count > DETECTIONS_MAX
    ? [`${model} saw more than ${DETECTIONS_MAX} things in one tile; the surest ${DETECTIONS_MAX} are kept.`]
    : [];
}

/** Blocked by the surest of the blocking kinds. */
function verdict(scores: NsfwScores): { allowed: true } | { allowed: false; category: string; score: number } {
  const [worst] = BLOCKING_KINDS.map((category) => ({ category, score: scores[category] })).sort((a, b) => b.score - a.score);
  if (!worst || worst.score <= BLOCKING_SCORE_MIN) return { allowed: true };
  return { allowed: false, category: worst.category, score: Math.round(worst.score * 1_000) / 1_000 };
}

function wrongModel(purpose: string, expected: string, model: ModelId): UserError {
  return new UserError(`Expected ${expected} as the local model for ${purpose}, got ${model}. Choose one that can do it.`);
}

/** By a name of package.json, as a bundle has them elsewhere, or not at all. */
function ownModels(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve('#models/checksums.json'));
  } catch (cause) {
    const sentence =
      'Expected a deployment with the local models, got one without. Build it with `npm run build -- --models onnx`.';
    throw new UserError(sentence, { cause });
  }
}

function poolOf(modelsFolder: string): Pool {
  const pool = pools.get(modelsFolder) ?? workerPool(modelsFolder);
  pools.set(modelsFolder, pool);
  return pool;
}
