// The labels that each local model knows, and how it understands a request. Pure, and runs no model: dry runs and progress have the same
// notes as the models themselves.
import { LABELS_ADDRESS } from '../contract/protocol.ts';
import type { AnalysisRequest, Ask, ModelId } from '../contract/schemas.ts';
import { COCO_LABELS, cocoLabels, cocoLabelsIn } from './coco-labels.ts';
import { type Vocabulary, vocabularyOf } from './own-labels.ts';
import { isLocal } from './prices.ts';
import { wordNotes, wordsOf } from './zero-shot-words.ts';

const TEXT = 'text';
const LABELS_NAMED_MAX = 10;
const LABELS_USED_MAX = 80; // as many as COCO has

/** The labels of the local models that detect. */
export const LOCAL_LABELS: Readonly<Record<ModelId, readonly string[]>> = {
  'onnx:nanodet': COCO_LABELS,
  'onnx:ppocr': [TEXT],
};

/** What they detect and what not, a note each. Nothing in a result shows what a model cannot see. */
const KNOWLEDGE: Readonly<Record<ModelId, string>> = {
  'onnx:nanodet': `onnx:nanodet knows ${COCO_LABELS.length} everyday things, seen from the side as in photographs. Other things, and things seen from above, are missing.`,
  'onnx:ppocr':
    'onnx:ppocr reads printed text in Latin and Chinese characters. Handwriting and other scripts, such as Cyrillic or Arabic, are missing or come out as look-alikes.',
};

export function isBuiltInDetector(model: ModelId): boolean {
  return Object.hasOwn(LOCAL_LABELS, model);
}

/**
 * What those of the models know that run for this request. None where another model knows more: any model that is not built in detects
 * things, and a language model reads text.
 */
export function knowledgeNotes(models: readonly ModelId[], ask: Ask): string[] {
  const isBest = (model: ModelId) => models.every(model === 'onnx:ppocr' ? isLocal : isBuiltInDetector);
  const known = models.filter((model) => isBest(model) && selectionOf(model, ask)?.wantsAny);
  return known.flatMap((model) => KNOWLEDGE[model] ?? []);
}

/** What a model is asked to report, and how that differs from the request. */
export interface Selection {
  isWanted: (label: string) => boolean;
  /** False if the model can report nothing that the request wants, so that it need not run. */
  wantsAny: boolean;
  notes: string[];
}

const EVERYTHING: Selection = { isWanted: () => true, wantsAny: true, notes: [] };

const COCO: Vocabulary = { labels: COCO_LABELS, meant: cocoLabels, namedIn: cocoLabelsIn };

export function selectObjects(ask: Ask): Selection {
  return selectAmong('onnx:nanodet', COCO, ask);
}

/** What a registered detector reports: `labels` are those of its sidecar, `null` if it detects what words name. */
export function selectOwn(model: ModelId, labels: readonly (string | null)[] | null, ask: Ask): Selection {
  if (labels === null) return { isWanted: () => true, wantsAny: wordsOf(ask).length > 0, notes: wordNotes(model, ask) };
  return selectAmong(model, vocabularyOf(labels), ask);
}

/** What a registered text model reads, and how it understands a request. */
export function textModelNotes(model: ModelId, scripts: readonly string[], ask: Ask): string[] {
  const { notes, wantsAny } = selectText(ask, model);
  const list = new Intl.ListFormat('en').format(scripts);
  const knowledge = `${model} reads printed text in ${list} characters, by its dictionary. Handwriting and other scripts are missing or come out as look-alikes.`;
  return wantsAny ? [knowledge, ...notes] : notes;
}

function selectAmong(model: ModelId, vocabulary: Vocabulary, { labels, look_for }: Ask): Selection {
  const known = vocabulary.labels.length;
  if (labels.length > 0) {
    const wanted = new Set(labels.flatMap(vocabulary.meant));
    const unknown = labels.filter((label) => vocabulary.meant(label).length === 0 && (!isText(label) || wanted.size === 0));
    const notes = unknownLabels(model, known, unknown, wanted.size);
    return { isWanted: (label) => wanted.has(label), wantsAny: wanted.size > 0, notes };
  }
  if (look_for === null) return EVERYTHING;
  const named = vocabulary.namedIn(look_for);
  if (named.length === 0) {
    const note = `${model} found none of its ${known} labels in look_for and reports all of them. ${LABELS_ADDRESS} lists them.`;
    return { ...EVERYTHING, notes: [note] };
  }
  const more = named.length > LABELS_USED_MAX ? ` and ${named.length - LABELS_USED_MAX} more` : '';
  const used = named.slice(0, LABELS_USED_MAX).join(', ');
  const note = `${model} knows labels, not sentences: from look_for it used ${used}${more}.`;
  return { isWanted: (label) => named.includes(label), wantsAny: true, notes: [note] };
}

/** Text is never left out because of look_for: no rule could decide whether a line answers it. */
export function selectText({ labels }: Ask, model: ModelId = 'onnx:ppocr'): Selection {
  const notes = labels
    .filter((label) => !isText(label) && cocoLabels(label).length === 0)
    .slice(0, LABELS_NAMED_MAX)
    .map((label) => `${model} knows only the label "${TEXT}", not "${label}".`);
  return { ...EVERYTHING, wantsAny: labels.length === 0 || labels.some(isText), notes };
}

/** How the model understands the request; `null` if it is not a built-in model with labels. */
export function selectionOf(model: ModelId, ask: Ask): Selection | null {
  if (model === 'onnx:nanodet') return selectObjects(ask);
  return model === 'onnx:ppocr' ? selectText(ask) : null;
}

/**
 * The detection models that can report what a request wants, as far as the request alone shows it: only they decide the size of the tiles
 * and the estimate. All of them if none can.
 */
export function capableModels({
  models: { detection },
  ask,
  detectors = [],
}: Pick<AnalysisRequest, 'models' | 'ask' | 'detectors'>): ModelId[] {
  const capable = detection.filter((model) => {
    const readsText = detectors.some((detector) => detector.model === model && detector.reads_text);
    return (readsText ? selectText(ask, model) : selectionOf(model, ask))?.wantsAny ?? true;
  });
  return capable.length > 0 ? capable : detection;
}

function unknownLabels(model: ModelId, labels: number, unknown: readonly string[], known: number): string[] {
  if (unknown.length === 0) return [];
  const named = unknown.slice(0, LABELS_NAMED_MAX).map((label) => `"${label}"`);
  const rest = unknown.length - named.length;
  const list = new Intl.ListFormat('en').format(rest > 0 ? [...named, `${rest} more`] : named);
  const noun = labels === 1 ? 'label' : 'labels';
  const verb = unknown.length === 1 ? 'is not one of them' : 'are not among them';
  const result = known === 0 ? ', so it reports nothing' : '';
  return [`${model} knows ${labels} ${noun}, listed at ${LABELS_ADDRESS}; ${list} ${verb}${result}.`];
}

function isText(label: string): boolean {
  return label.trim().toLowerCase() === TEXT;
}
