// Decodes the YOLO family of Ultralytics: columns of candidates (v8 to 12), rows with objectness (v5 to 7), and rows that have passed NMS
// (v10, 26). Each may have mask coefficients or an angle after its classes. Pure.
import { at } from '../../../contract/at.ts';
import type { Point } from '../../../outlines/polygons.ts';
import { valueAt } from '../../onnx/pixels.ts';
import type { Candidate } from '../candidates.ts';
import { maskOutlines } from './masks.ts';
import { around, bestClass, type Decode, misfit, tableOf } from './outputs.ts';

const MASKS = 32;

/** [1, 4+C, N]: center, size, classes; then mask coefficients or an angle. */
export function yolov8(extra: 'none' | 'mask' | 'angle'): Decode {
  return (outputs, sidecar, scoreMin) => {
    const { values, rows, columns } = tableOf(outputs, 0, sidecar);
    const classes = sidecar.labels.length;
    if (rows !== 4 + classes + columnsOf(extra)) throw misfit(outputs, sidecar);
    const value = (row: number, column: number) => valueAt(values, row * columns + column);
    const outlineOf = extra === 'mask' ? maskOutlines(outputs, sidecar) : null;
    return bestOfColumns(values, sidecar.labels, columns, scoreMin).map(({ column, label, score }) => {
      const [x, y, width, height] = [value(0, column), value(1, column), value(2, column), value(3, column)];
      const candidate: Candidate = { label, score, ...around(x, y, width, height) };
      if (extra === 'angle') return turned(candidate, value(4 + classes, column));
      return outlineOf ? outlineOf(candidate, (mask) => value(4 + classes + mask, column)) : candidate;
    });
  };
}

/** Class by class, as the values lie in memory. */
function bestOfColumns(values: Float32Array, labels: readonly (string | null)[], columns: number, scoreMin: number) {
  const scores = new Float32Array(columns).fill(scoreMin);
  const best = new Int32Array(columns).fill(-1);
  labels.forEach((name, label) => {
    if (name === null) return;
    const from = (4 + label) * columns;
    for (let column = 0; column < columns; column++) {
      const score = valueAt(values, from + column);
      if (score < valueAt(scores, column)) continue;
      scores[column] = score;
      best[column] = label;
    }
  });
  const found: { column: number; label: number; score: number }[] = [];
  best.forEach((label, column) => {
    if (label >= 0) found.push({ column, label, score: valueAt(scores, column) });
  });
  return found;
}

/** [1, N, 5+C]: center, size, objectness, classes; then mask coefficients. */
export function yolov5(extra: 'none' | 'mask'): Decode {
  return (outputs, sidecar, scoreMin) => {
    const { values, rows, columns } = tableOf(outputs, 0, sidecar);
    const classes = sidecar.labels.length;
    if (columns !== 5 + classes + columnsOf(extra)) throw misfit(outputs, sidecar);
    const outlineOf = extra === 'mask' ? maskOutlines(outputs, sidecar) : null;
    const candidates: Candidate[] = [];
    for (let from = 0; from < rows * columns; from += columns) {
      const objectness = valueAt(values, from + 4);
      if (objectness < scoreMin) continue;
      const best = bestClass(values, from + 5, sidecar.labels, scoreMin / objectness);
      if (best === null) continue;
      const box = around(valueAt(values, from), valueAt(values, from + 1), valueAt(values, from + 2), valueAt(values, from + 3));
      const candidate: Candidate = { label: best.label, score: objectness * best.score, ...box };
      const start = from + 5 + classes;
      candidates.push(outlineOf ? outlineOf(candidate, (mask) => valueAt(values, start + mask)) : candidate);
    }
    return candidates;
  };
}

/** [1, Q, 6]: edges, score, class; then mask coefficients. With an angle: center and size instead of edges. */
export function endToEnd(extra: 'none' | 'mask' | 'angle'): Decode {
  return (outputs, sidecar, scoreMin) => {
    const { values, rows, columns } = tableOf(outputs, 0, sidecar);
    if (columns !== 6 + columnsOf(extra)) throw misfit(outputs, sidecar);
    const outlineOf = extra === 'mask' ? maskOutlines(outputs, sidecar) : null;
    const candidates: Candidate[] = [];
    for (let from = 0; from < rows * columns; from += columns) {
      const value = (column: number) => valueAt(values, from + column);
      const [score, label] = [value(4), Math.round(value(5))];
      if (score < scoreMin) continue;
      if (label < 0 || label >= sidecar.labels.length) throw misfit(outputs, sidecar);
      if (sidecar.labels[label] === null) continue;
      const edges = { left: value(0), top: value(1), right: value(2), bottom: value(3) };
      if (extra === 'angle')
        candidates.push(turned({ label, score, ...around(value(0), value(1), value(2), value(3)) }, value(6)));
      else if (outlineOf) candidates.push(outlineOf({ label, score, ...edges }, (mask) => value(6 + mask)));
      else candidates.push({ label, score, ...edges });
    }
    return candidates;
  };
}

function columnsOf(extra: 'none' | 'mask' | 'angle'): number {
  return { none: 0, mask: MASKS, angle: 1 }[extra];
}

/** The box turned clockwise around its center by `angle`, in radians. Its edges become those of the hull. */
function turned(candidate: Candidate, angle: number): Candidate {
  const { left, top, right, bottom } = candidate;
  const [centerX, centerY] = [(left + right) / 2, (top + bottom) / 2];
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const corners: Point[] = [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
  ].map((corner) => {
    const [x, y] = [at(corner, 0) - centerX, at(corner, 1) - centerY];
    return [centerX + x * cos - y * sin, centerY + x * sin + y * cos];
  });
  const [xs, ys] = [corners.map(([x]) => x), corners.map(([, y]) => y)];
  return {
    label: candidate.label,
    score: candidate.score,
    left: Math.min(...xs),
    top: Math.min(...ys),
    right: Math.max(...xs),
    bottom: Math.max(...ys),
    corners,
  };
}
