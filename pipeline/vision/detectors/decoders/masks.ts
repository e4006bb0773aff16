// The masks of a -seg model: each is a sum of prototypes, weighted by the coefficients of a candidate. Pure.
import { at } from '../../../contract/at.ts';
import { outlines } from '../../../outlines/outlines.ts';
import { type Point, signedArea } from '../../../outlines/polygons.ts';
import { valueAt } from '../../onnx/pixels.ts';
import type { Candidate } from '../candidates.ts';
import type { Sidecar } from '../sidecar.ts';
import { misfit, type Outputs } from './outputs.ts';

const MASKS = 32;
// Just below the threshold: the outline then runs along the edge of the box, where the mask continues beyond it.
const OUTSIDE = -1e-6;

/** Adds the outline of the mask to a candidate. `coefficient` gives the weight of each of the 32 prototypes. */
export function maskOutlines(
  outputs: Outputs,
  sidecar: Sidecar,
): (candidate: Candidate, coefficient: (mask: number) => number) => Candidate {
  const prototypes = outputs[1];
  const [batch, masks, rows, columns] = prototypes?.shape ?? [];
  if (!prototypes || batch !== 1 || masks !== MASKS || rows === undefined || columns === undefined)
    throw misfit(outputs, sidecar);
  const grid: Grid = {
    values: prototypes.values,
    rows,
    columns,
    scaleX: sidecar.input.width / columns,
    scaleY: sidecar.input.height / rows,
  };
  return (candidate, coefficient) => {
    const weights = Float32Array.from({ length: MASKS }, (_, mask) => coefficient(mask));
    candidate.outline = () => largestOutline(grid, weights, candidate);
    return candidate;
  };
}

interface Grid {
  values: Float32Array;
  rows: number;
  columns: number;
  /** Pixels of the input for one sample. */
  scaleX: number;
  scaleY: number;
}

/** The outline of the largest part of the mask within its box, in pixels of the input; `null` if nothing of it is. */
function largestOutline(grid: Grid, weights: Float32Array, box: Candidate): Point[] | null {
  const field = fieldAround(grid, weights, box);
  const found = outlines(field.values, field.columns).map((outline) =>
    outline.map(
      ([x, y]): Point => [
        clamp((x + field.left + 0.5) * grid.scaleX, box.left, box.right),
        clamp((y + field.top + 0.5) * grid.scaleY, box.top, box.bottom),
      ],
    ),
  );
  const [largest] = found.toSorted((a, b) => signedArea(b) - signedArea(a));
  return largest && signedArea(largest) > 0 ? largest : null;
}

/** The logarithmic odds of the mask at the samples in and next to the box, with a border that is outside. */
function fieldAround({ values, rows, columns, scaleX, scaleY }: Grid, weights: Float32Array, box: Candidate) {
  const left = Math.max(0, Math.floor(box.left / scaleX - 0.5));
  const top = Math.max(0, Math.floor(box.top / scaleY - 0.5));
  const width = Math.max(0, Math.min(columns - 1, Math.ceil(box.right / scaleX - 0.5)) - left + 1);
  const height = Math.max(0, Math.min(rows - 1, Math.ceil(box.bottom / scaleY - 0.5)) - top + 1);
  const field = new Float32Array((width + 2) * (height + 2));
  weights.forEach((weight, mask) => {
    for (let y = 0; y < height; y++) {
      const from = (mask * rows + top + y) * columns + left;
      const to = (y + 1) * (width + 2) + 1;
      for (let x = 0; x < width; x++) field[to + x] = at(field, to + x) + weight * valueAt(values, from + x);
    }
  });
  for (let y = 0; y < height + 2; y++) {
    for (let x = 0; x < width + 2; x++) {
      if (x === 0 || y === 0 || x > width || y > height) field[y * (width + 2) + x] = OUTSIDE;
    }
  }
  return { values: field, columns: width + 2, left: left - 1, top: top - 1 };
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}
