// The outputs of a detector as decoders read them: by name or place, checked for their shape and for values that are no numbers. Pure.
import { AnswerError, UserError } from '../../../contract/errors.ts';
import { valueAt } from '../../onnx/pixels.ts';
import type { Candidate } from '../candidates.ts';
import { LAYOUTS } from '../layouts.ts';
import { shortName } from '../model-checks.ts';
import type { Sidecar } from '../sidecar.ts';

const OUTPUTS_SHOWN_MAX = 8;

/** Integers come as float32: class numbers are small. */
export interface Output {
  name: string;
  values: Float32Array;
  shape: readonly number[];
}

/** In the order of the model. */
export type Outputs = readonly Output[];

/** The candidates with at least this score, in pixels of the input. Classes without a label are left out. */
export type Decode = (outputs: Outputs, sidecar: Sidecar, scoreMin: number) => Candidate[];

/** A table of `rows` x `columns`. */
export interface Table {
  values: Float32Array;
  rows: number;
  columns: number;
}

/** The output at this place or of this name as a table. Throws a UserError if it has another rank, or a batch that is not 1. */
export function tableOf(outputs: Outputs, which: number | string, sidecar: Sidecar): Table {
  const output = typeof which === 'number' ? outputs[which] : outputs.find(({ name }) => name === which);
  const shape = output?.shape.length === 2 ? [1, ...output.shape] : output?.shape;
  const [batch, rows, columns] = shape ?? [];
  if (output === undefined || shape?.length !== 3 || batch !== 1 || rows === undefined || columns === undefined) {
    throw misfit(outputs, sidecar);
  }
  return { values: output.values, rows, columns };
}

/** The sentence for a sidecar that does not describe its model. */
export function misfit(outputs: Outputs, { layout, labels }: Sidecar): UserError {
  const shapes = outputs.slice(0, OUTPUTS_SHOWN_MAX).map(({ name, shape }) => `${shortName(name)} [${shape.join(', ')}]`);
  const expected = LAYOUTS[layout].outputs;
  return new UserError(
    `The model returned ${new Intl.ListFormat('en').format(shapes)}. The layout ${layout} with ${labels.length} labels (C) expects ${expected}. Correct layout, labels or input in detector.json.`,
  );
}

/** Throws an AnswerError if an output has NaN or an infinite value: nothing may be made of it. */
export function requireNumbers(outputs: Outputs): void {
  for (const { name, values } of outputs) {
    for (let index = 0; index < values.length; index++) {
      if (!Number.isFinite(valueAt(values, index))) {
        throw new AnswerError(
          `The model returned ${valueAt(values, index)} instead of a number in its output ${shortName(name)}.`,
        );
      }
    }
  }
}

export function sigmoid(value: number): number {
  return 1 / (1 + Math.exp(-value));
}

/** The best class of a row whose scores start at `from`; `null` if none reaches the minimum. */
export function bestClass(
  values: Float32Array,
  from: number,
  labels: readonly (string | null)[],
  scoreMin: number,
): { label: number; score: number } | null {
  let best: { label: number; score: number } | null = null;
  let highest = scoreMin;
  for (let label = 0; label < labels.length; label++) {
    const score = valueAt(values, from + label);
    if (score < highest || labels[label] === null) continue;
    highest = score;
    best = { label, score };
  }
  return best;
}

/** A box around its center. */
export function around(
  x: number,
  y: number,
  width: number,
  height: number,
): Pick<Candidate, 'left' | 'top' | 'right' | 'bottom'> {
  return {
    left: x - width / 2,
    top: y - height / 2,
    right: x + width / 2,
    bottom: y + height / 2,
  };
}
