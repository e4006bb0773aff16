// Decodes detectors that report boxes relative to the cells of their grids: YOLOX and NanoDet. Pure.
import { at } from '../../../contract/at.ts';
import { lru } from '../../../contract/lru.ts';
import { valueAt } from '../../onnx/pixels.ts';
import type { Candidate } from '../candidates.ts';
import type { Sidecar } from '../sidecar.ts';
import { around, bestClass, type Decode, misfit, type Outputs, type Table, tableOf } from './outputs.ts';

const STRIDES = [8, 16, 32, 64];
const LEVELS_MIN = 3;

/** The point of a cell from which boxes are measured, in pixels of the input. */
interface Cell {
  x: number;
  y: number;
  stride: number;
}

/** [1, N, 5+C]: center in strides from the cell, logarithm of the size in strides, objectness, classes. */
export const yolox: Decode = (outputs, sidecar, scoreMin) => {
  const { values, rows, columns } = tableOf(outputs, 0, sidecar);
  const cells = cellsOf(sidecar.input, rows);
  if (cells === null || columns !== 5 + sidecar.labels.length) throw misfit(outputs, sidecar);
  return cells.flatMap((cell, index) => {
    const from = index * columns;
    const objectness = valueAt(values, from + 4);
    if (objectness < scoreMin) return [];
    const best = bestClass(values, from + 5, sidecar.labels, scoreMin / objectness);
    if (best === null) return [];
    const value = (column: number) => valueAt(values, from + column) * cell.stride;
    const size = (column: number) => Math.exp(valueAt(values, from + column)) * cell.stride;
    return [
      { label: best.label, score: objectness * best.score, ...around(cell.x + value(0), cell.y + value(1), size(2), size(3)) },
    ];
  });
};

/** [1, N, C+4·bins], or three outputs of [1, N, C] and three of [1, N, 4·bins]. Distances are from the centers of cells. */
export const nanodet: Decode = (outputs, sidecar, scoreMin) => {
  if (outputs.length === 1) return fromOneOutput(outputs, sidecar, scoreMin, 0.5);
  const classes = sidecar.labels.length;
  const tables = outputs.map((_, index) => tableOf(outputs, index, sidecar)).toSorted((a, b) => b.rows - a.rows);
  const scores = tables.filter(({ columns }) => columns === classes);
  const distances = tables.filter(({ columns }) => columns !== classes);
  if (scores.length !== LEVELS_MIN || distances.length !== LEVELS_MIN) throw misfit(outputs, sidecar);
  return scores.flatMap((table, level) => {
    const cells = gridOf(sidecar.input, at(STRIDES, level));
    const distance = at(distances, level);
    if (table.rows !== cells.length || distance.rows !== cells.length || distance.columns % 4 !== 0)
      throw misfit(outputs, sidecar);
    return distanceCandidates(cells, { scores: table, distances: distance, offset: 0 }, sidecar.labels, scoreMin);
  });
};

/** [1, N, C+4·bins]. Distances are from the top left of cells: https://github.com/RangiLyu/nanodet, get_single_level_center_priors. */
export const nanodetPlus: Decode = (outputs, sidecar, scoreMin) => fromOneOutput(outputs, sidecar, scoreMin, 0);

function fromOneOutput(outputs: Outputs, sidecar: Sidecar, scoreMin: number, center: number): Candidate[] {
  const table = tableOf(outputs, 0, sidecar);
  const cells = cellsOf(sidecar.input, table.rows, center);
  const offset = sidecar.labels.length;
  if (cells === null || table.columns <= offset || (table.columns - offset) % 4 !== 0) throw misfit(outputs, sidecar);
  return distanceCandidates(cells, { scores: table, distances: table, offset }, sidecar.labels, scoreMin);
}

/** Where the scores and the distances of a row of cells are. The distances begin `offset` columns after the start of their row. */
interface Rows {
  scores: Table;
  distances: Table;
  offset: number;
}

/** Boxes whose sides lie at a distance from a cell: the mean of a distribution over strides. */
export function distanceCandidates(
  cells: readonly Cell[],
  { scores, distances, offset }: Rows,
  labels: readonly (string | null)[],
  scoreMin: number,
): Candidate[] {
  const bins = (distances.columns - offset) / 4;
  const candidates: Candidate[] = [];
  for (let index = 0; index < cells.length; index++) {
    const best = bestClass(scores.values, index * scores.columns, labels, scoreMin);
    if (best === null) continue;
    const { x, y, stride } = at(cells, index);
    const from = index * distances.columns + offset;
    const side = (which: number) => meanBin(distances.values, from + which * bins, bins) * stride;
    const box = { left: x - side(0), top: y - side(1), right: x + side(2), bottom: y + side(3) };
    candidates.push({ label: best.label, score: best.score, ...box });
  }
  return candidates;
}

/** The mean of the distribution whose logarithms start at `from`. */
function meanBin(logits: Float32Array, from: number, bins: number): number {
  let sum = 0;
  let weighted = 0;
  for (let bin = 0; bin < bins; bin++) {
    const weight = Math.exp(valueAt(logits, from + bin));
    sum += weight;
    weighted += weight * bin;
  }
  return weighted / sum;
}

/** The cells of three or four grids, as their number shows; `null` if it is neither. */
function cellsOf(input: Sidecar['input'], count: number, center = 0): readonly Cell[] | null {
  const grids = STRIDES.map((stride) => gridOf(input, stride, center));
  const three = grids.slice(0, LEVELS_MIN).flat();
  if (three.length === count) return three;
  const four = grids.flat();
  return four.length === count ? four : null;
}

/** Those of the last sizes of tiles: three or four for each, of at most 0.3 MB. */
const grids = lru<string, readonly Cell[]>(16);

/** Row by row. `center` is the place of a cell's point, in strides from its top left. */
export function gridOf(size: { width: number; height: number }, stride: number, center = 0.5): readonly Cell[] {
  const [columns, rows] = [Math.ceil(size.width / stride), Math.ceil(size.height / stride)];
  const name = `${columns} x ${rows}, ${stride}, ${center}`;
  const known = grids.get(name);
  if (known !== undefined) return known;
  const grid = newGrid(columns, rows, stride, center);
  grids.set(name, grid);
  return grid;
}

function newGrid(columns: number, rows: number, stride: number, center: number): Cell[] {
  return Array.from({ length: columns * rows }, (_, index) => ({
    x: ((index % columns) + center) * stride,
    y: (Math.floor(index / columns) + center) * stride,
    stride,
  }));
}
