// detector.json, the sidecar of a detector: how tiles are fed to it and how its outputs are read. `models add` writes it, and a person may
// correct it: every error names the field. The file of the model and the registry of detectors belong to other rooms.
import { z } from 'zod';
import { UserError } from '../../contract/errors.ts';
import { printable } from '../../contract/printable.ts';
import { MIN_SCORE_DEFAULT } from '../../contract/schemas.ts';
import { LayoutName } from './layouts.ts';

/** It is read as a whole, and onnxruntime holds its weights a second time: 1 GB. */
export const MODEL_BYTES_MAX = 500 * 1_024 * 1_024;
const EDGE_PX = { min: 32, max: 4_096 } as const; // 4,096² as float32: 201 MB
export const CLASSES_MAX = 10_000;
const LINE_LENGTH_MAX = 120;
const SHOWN_CHARACTERS_MAX = 80;
export const LABEL_LENGTH_MAX = 100; // of a Detection

function between(min: number, max: number) {
  const error = `expected a number from ${min} to ${max}`;
  return z.number({ error }).min(min, { error }).max(max, { error });
}

function whole(min: number, max: number) {
  const error = `expected a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

const Edge = whole(EDGE_PX.min, EDGE_PX.max);
const Colors = z.tuple([between(-1_000, 1_000), between(-1_000, 1_000), between(-1_000, 1_000)], {
  error: 'expected three numbers, one for each color',
});
const Deviations = z.tuple([between(1e-6, 1_000), between(1e-6, 1_000), between(1e-6, 1_000)], {
  error: 'expected three numbers, one for each color',
});
const Label = z
  .string({ error: 'expected a label, or null for a class without a name' })
  .trim()
  .min(1, { error: 'expected a label, or null for a class without a name' })
  .max(LABEL_LENGTH_MAX, { error: `expected a label of at most ${LABEL_LENGTH_MAX} characters` })
  .refine((label) => printable(label) === label, { error: 'expected a label without control characters' });

export const Sidecar = z.strictObject({
  version: z.literal(1, { error: 'expected 1' }),
  layout: LayoutName,
  /** In the order of the model's outputs. Detections of a class with `null` are left out. */
  labels: z
    .array(Label.nullable(), { error: 'expected a list of labels' })
    .min(1, { error: 'expected at least one label' })
    .max(CLASSES_MAX, { error: `expected at most ${CLASSES_MAX} labels` })
    .refine((labels) => labels.some((label) => label !== null), { error: 'expected at least one label' }),
  /** In pixels. */
  input: z.strictObject({ width: Edge, height: Edge }),
  /** The order of the color planes; `mean` and `std` have the same order. */
  colors: z.enum(['rgb', 'bgr']),
  /** The range of a color value before `mean` is subtracted and the difference divided by `std`. */
  scale: z.enum(['0-1', '0-255']),
  mean: Colors,
  std: Deviations,
  /** `center` and `top-left` keep the aspect ratio and fill the rest with the gray value `fill`. */
  fit: z.enum(['center', 'top-left', 'stretch']),
  fill: whole(0, 255),
  /** The lowest score of a good detection. It becomes 0.4, the lowest score that the merge keeps. */
  score_min: between(0.01, 0.99),
  /** `null` if the model itself removes duplicates. */
  nms: z.strictObject({ iou: between(0.05, 1), across_labels: z.boolean() }).nullable(),
  /** The file of the model: a detector never runs with another one. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/, { error: 'expected the sha256 of the model file in hexadecimal digits' }),
  bytes: whole(1, MODEL_BYTES_MAX),
  /** What the model states about its license and itself; `null` if nothing. */
  license: z.string().max(200).nullable(),
  description: z.string().max(500).nullable(),
});
export type Sidecar = z.infer<typeof Sidecar>;

/** A score of the model on the scale of the merge: linear on both sides of `score_min`, which becomes MIN_SCORE_DEFAULT. */
export function mergeScore(score: number, { score_min: least }: Pick<Sidecar, 'score_min'>): number {
  if (score < least) return (score * MIN_SCORE_DEFAULT) / least;
  return MIN_SCORE_DEFAULT + ((score - least) * (1 - MIN_SCORE_DEFAULT)) / (1 - least);
}

/** The inverse of `mergeScore`. */
export function modelScore(score: number, { score_min: least }: Pick<Sidecar, 'score_min'>): number {
  if (score < MIN_SCORE_DEFAULT) return (score * least) / MIN_SCORE_DEFAULT;
  return least + ((score - MIN_SCORE_DEFAULT) * (1 - least)) / (1 - MIN_SCORE_DEFAULT);
}

/** Throws a UserError that names the first wrong field, what was expected there and what came. */
export function parseSidecar(text: string): Sidecar {
  return checkedSidecar(sidecarContent(text));
}

/** Throws a UserError if the text is not JSON. */
export function sidecarContent(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UserError(`detector.json is not valid JSON: ${wordsOf(cause)}. Correct it, or add the model again.`, { cause });
  }
}

/** Throws as `parseSidecar`. */
export function checkedSidecar(content: unknown): Sidecar {
  return checkedBy(Sidecar, content);
}

/** Throws as `parseSidecar`. */
export function checkedBy<Fields extends z.ZodRawShape>(
  schema: z.ZodObject<Fields>,
  content: unknown,
): z.infer<z.ZodObject<Fields>> {
  const parsed = schema.safeParse(content, { reportInput: true });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const sentence = issue && sentenceOf(issue, Object.keys(schema.shape));
  throw new UserError(sentence ?? 'detector.json does not fit its schema.', { cause: parsed.error });
}

/** For a person to read and correct: a field on one line, except long lists. */
export function writeSidecar(sidecar: Readonly<Record<string, unknown>>): string {
  const fields = Object.entries(sidecar).map(([name, value]) => {
    const line = inline(value);
    const text = line.length <= LINE_LENGTH_MAX ? line : JSON.stringify(value, null, 2).replaceAll('\n', '\n  ');
    return `  ${JSON.stringify(name)}: ${text}`;
  });
  return `{\n${fields.join(',\n')}\n}\n`;
}

function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const fields = Object.entries(value).map(([name, field]) => `${JSON.stringify(name)}: ${inline(field)}`);
  return `{ ${fields.join(', ')} }`;
}

function sentenceOf(issue: z.core.$ZodIssue, fields: readonly string[]): string {
  const field = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const known = field === '' ? fields.join(', ') : '';
    return `detector.json has an unknown field: ${[field, issue.keys.join(', ')].filter(Boolean).join('.')}. ${known && `It may have ${known}.`}`.trim();
  }
  if (issue.code === 'invalid_value') {
    const choices = issue.values.map(String).join(', ');
    return `detector.json: ${field} must be one of ${choices}; it is ${shown(issue.input)}.`;
  }
  // The schema library's words for a wrong type; the other sentences are those of the schema.
  const expected = issue.code === 'invalid_type' ? issue.message.replace(/^Invalid input: |, received \w+$/g, '') : issue.message;
  return `detector.json: ${field || 'the document'}: ${decapitalized(expected)}; it is ${shown(issue.input)}.`;
}

function shown(input: unknown): string {
  if (input === undefined) return 'missing';
  return printable(jsonOf(input)).slice(0, SHOWN_CHARACTERS_MAX);
}

function jsonOf(input: unknown): string {
  try {
    return JSON.stringify(input) ?? typeof input;
  } catch {
    return 'a list of too many levels';
  }
}

function decapitalized(message: string): string {
  return message.slice(0, 1).toLowerCase() + message.slice(1);
}

function wordsOf(cause: unknown): string {
  return printable(cause instanceof Error ? cause.message : String(cause)).slice(0, 200);
}
