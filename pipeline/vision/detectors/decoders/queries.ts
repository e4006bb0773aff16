// Decodes transformers that answer with a fixed number of queries, and PaddlePaddle's detectors with their postprocessing. They need no
// NMS. Pure.
import { valueAt } from '../../onnx/pixels.ts';
import type { Candidate } from '../candidates.ts';
import type { Sidecar } from '../sidecar.ts';
import { around, bestClass, type Decode, misfit, type Outputs, sigmoid, type Table, tableOf } from './outputs.ts';

/** `logits` and `pred_boxes` of Hugging Face; the score of each class is a sigmoid of its own. */
export const rtdetrHf: Decode = (outputs, sidecar, scoreMin) => {
  const logits = tableOf(outputs, 'logits', sidecar);
  if (logits.columns !== sidecar.labels.length) throw misfit(outputs, sidecar);
  return fractionalBoxes(outputs, sidecar, tableOf(outputs, 'pred_boxes', sidecar), sigmoids(logits), scoreMin);
};

/** `logits` and `pred_boxes`; the scores are a softmax over the classes and, as the last column, "no object". */
export const detr: Decode = (outputs, sidecar, scoreMin) => {
  const logits = tableOf(outputs, 'logits', sidecar);
  if (logits.columns !== sidecar.labels.length + 1) throw misfit(outputs, sidecar);
  return fractionalBoxes(outputs, sidecar, tableOf(outputs, 'pred_boxes', sidecar), softmaxes(logits), scoreMin);
};

/** `dets` and `labels` of RF-DETR. */
export const rfdetr: Decode = (outputs, sidecar, scoreMin) => {
  const logits = tableOf(outputs, 'labels', sidecar);
  if (logits.columns !== sidecar.labels.length) throw misfit(outputs, sidecar);
  return fractionalBoxes(outputs, sidecar, tableOf(outputs, 'dets', sidecar), sigmoids(logits), scoreMin);
};

/** [1, Q, 4+C]: center and size as fractions, then scores. */
export const rtdetrUltralytics: Decode = (outputs, sidecar, scoreMin) => {
  const table = tableOf(outputs, 0, sidecar);
  if (table.columns !== 4 + sidecar.labels.length) throw misfit(outputs, sidecar);
  return fractionalBoxes(outputs, sidecar, table, { ...table, offset: 4 }, scoreMin);
};

/** `labels`, `boxes` and `scores`, with edges in the pixels of `orig_target_sizes`, which is the size of the input. */
export const rtdetr: Decode = (outputs, sidecar, scoreMin) => {
  const [labels, boxes, scores] = ['labels', 'boxes', 'scores'].map((wanted) => outputs.find(({ name }) => name === wanted));
  const queries = scores?.values.length;
  if (!labels || !boxes || !scores || labels.values.length !== queries || boxes.values.length !== 4 * queries) {
    throw misfit(outputs, sidecar);
  }
  const candidates: Candidate[] = [];
  scores.values.forEach((score, query) => {
    const label = valueAt(labels.values, query);
    if (score < scoreMin) return;
    if (label < 0 || label >= sidecar.labels.length) throw misfit(outputs, sidecar);
    if (sidecar.labels[label] !== null) candidates.push({ label, score, ...edgesAt(boxes.values, 4 * query) });
  });
  return candidates;
};

/** [n, 6] of PaddlePaddle: class, score, edges. A class below 0 is an empty row. */
export const picodet: Decode = (outputs, sidecar, scoreMin) => {
  const output = outputs.find(({ shape }) => shape.at(-1) === 6);
  if (output === undefined) throw misfit(outputs, sidecar);
  const candidates: Candidate[] = [];
  for (let from = 0; from < output.values.length; from += 6) {
    const [label, score] = [Math.round(valueAt(output.values, from)), valueAt(output.values, from + 1)];
    if (label < 0 || score < scoreMin) continue;
    if (label >= sidecar.labels.length) throw misfit(outputs, sidecar);
    if (sidecar.labels[label] !== null) candidates.push({ label, score, ...edgesAt(output.values, from + 2) });
  }
  return candidates;
};

interface Scores extends Table {
  /** The column of the first class. */
  offset: number;
}

function fractionalBoxes(outputs: Outputs, sidecar: Sidecar, boxes: Table, scores: Scores, scoreMin: number): Candidate[] {
  if (boxes.rows !== scores.rows || boxes.columns < 4) throw misfit(outputs, sidecar);
  const { width, height } = sidecar.input;
  const candidates: Candidate[] = [];
  for (let query = 0; query < boxes.rows; query++) {
    const best = bestClass(scores.values, query * scores.columns + scores.offset, sidecar.labels, scoreMin);
    if (best === null) continue;
    const value = (column: number) => valueAt(boxes.values, query * boxes.columns + column);
    const box = around(value(0) * width, value(1) * height, value(2) * width, value(3) * height);
    candidates.push({ label: best.label, score: best.score, ...box });
  }
  return candidates;
}

function edgesAt(values: Float32Array, from: number): Pick<Candidate, 'left' | 'top' | 'right' | 'bottom'> {
  return {
    left: valueAt(values, from),
    top: valueAt(values, from + 1),
    right: valueAt(values, from + 2),
    bottom: valueAt(values, from + 3),
  };
}

function sigmoids({ values, rows, columns }: Table): Scores {
  return { values: values.map(sigmoid), rows, columns, offset: 0 };
}

function softmaxes({ values, rows, columns }: Table): Scores {
  const scores = new Float32Array(values.length);
  for (let from = 0; from < rows * columns; from += columns) {
    const row = values.subarray(from, from + columns);
    const highest = Math.max(...row);
    const sum = row.reduce((total, value) => total + Math.exp(value - highest), 0);
    row.forEach((value, index) => {
      scores[from + index] = Math.exp(value - highest) / sum;
    });
  }
  return { values: scores, rows, columns, offset: 0 };
}
