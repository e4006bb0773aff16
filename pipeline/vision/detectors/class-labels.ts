// The labels of a detector's classes: from a file of the user's, from the metadata of an export, or those of COCO.
import { UserError } from '../../contract/errors.ts';
import { printable } from '../../contract/printable.ts';
import { COCO_LABELS } from '../../providers/coco-labels.ts';
import { pythonLiteral } from './python-literal.ts';
import { CLASSES_MAX, LABEL_LENGTH_MAX } from './sidecar.ts';

/** `null` for a class without a name. */
export type ClassLabels = readonly (string | null)[];

/** COCO's category numbers run to 90 with gaps. DETR, Deformable DETR and RF-DETR have one class for each number, from 0. */
const COCO_NUMBERS_WITHOUT_LABEL = new Set([0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83]);
const COCO_NUMBERS = 91;

export function cocoNumberLabels(): ClassLabels {
  let next = 0;
  return Array.from({ length: COCO_NUMBERS }, (_, number) =>
    COCO_NUMBERS_WITHOUT_LABEL.has(number) ? null : (COCO_LABELS[next++] ?? null),
  );
}

/** The usual labels of a model with this number of classes that names none; `null` if there are none. */
export function usualLabels(classes: number | null): ClassLabels | null {
  if (classes === COCO_LABELS.length) return COCO_LABELS;
  return classes === COCO_NUMBERS ? cocoNumberLabels() : null;
}

/**
 * From the text of a file: one label a line, a JSON list, a JSON object by class number, or a config.json of Hugging Face (`id2label`).
 * Throws a UserError if it is none of these.
 */
export function parseLabels(text: string): ClassLabels {
  if (text.includes('\0')) throw new UserError('The file of labels is not text. Expected one label a line, or a JSON list.');
  const labels = /^\s*[[{]/.test(text) ? labelsOfJson(text) : text.split(/\r?\n/).map((line) => line.trim());
  while (labels.length > 0 && (labels.at(-1) === '' || labels.at(-1) === null)) labels.pop();
  if (labels.length === 0) throw new UserError('The file of labels is empty. Expected one label a line, or a JSON list.');
  return checkedLabels(labels);
}

/** The `names` of an Ultralytics export: a dictionary of Python by class number, or a list. `null` if the text is neither. */
export function namesInMetadata(text: string): ClassLabels | null {
  const value = pythonLiteral(text);
  if (Array.isArray(value)) return checkedLabels(value.map(labelOf));
  return value instanceof Map ? byNumber([...value]) : null;
}

function labelsOfJson(text: string): (string | null)[] {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw new UserError('The file of labels begins as JSON, and is not valid JSON. Correct it, or write one label a line.', {
      cause,
    });
  }
  if (Array.isArray(content)) return content.map(labelOf);
  const object = content !== null && typeof content === 'object' && 'id2label' in content ? content.id2label : content;
  const labels = byNumber(Object.entries(Object(object)));
  if (labels === null) {
    throw new UserError(
      'The file of labels has no class numbers from 0. Expected {"0": "cat", "1": "dog"}, a list, or one label a line.',
    );
  }
  return [...labels];
}

function byNumber(entries: readonly [string, unknown][]): ClassLabels | null {
  if (entries.length > CLASSES_MAX) throw tooMany(entries.length);
  const numbered = entries.map(([key, label]) => ({ number: /^\d{1,6}$/.test(key) ? Number(key) : -1, label: labelOf(label) }));
  const highest = Math.max(-1, ...numbered.map(({ number }) => number));
  if (highest < 0 || highest >= CLASSES_MAX || numbered.some(({ number }) => number < 0)) return null;
  const labels = Array.from<string | null>({ length: highest + 1 }).fill(null);
  for (const { number, label } of numbered) labels[number] = label;
  return checkedLabels(labels);
}

function labelOf(value: unknown): string | null {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
}

function tooMany(labels: number): UserError {
  return new UserError(`The model has ${labels} labels. At most ${CLASSES_MAX} are possible.`);
}

/** Printable, without spaces at the ends, and of a length that a detection may have. */
function checkedLabels(labels: readonly (string | null)[]): (string | null)[] {
  if (labels.length > CLASSES_MAX) throw tooMany(labels.length);
  return labels.map((label) => (label === null ? null : printable(label).trim().slice(0, LABEL_LENGTH_MAX).trim() || null));
}
