// Groups the likely pixels of a probability map into connected components. Pure, and must not know what the pixels show.
import { at } from '../../../contract/at.ts';
import { valueAt } from '../pixels.ts';
import type { Point } from './rectangle.ts';

/** Connected pixels of a map, in its pixels; right and bottom are exclusive. */
export interface Component {
  left: number;
  top: number;
  right: number;
  bottom: number;
  pixels: number;
  /** The mean over the pixels. */
  probability: number;
  /** The corners of the first and the last pixel of each row: the convex hull of all pixels is the hull of these. */
  outline: Point[];
}

/** Ordered by their first pixels, row by row. Pixels that meet at a corner are connected too. */
export function* componentsOf(
  probabilities: Float32Array,
  width: number,
  height: number,
  probabilityMin: number,
): Generator<Component> {
  /** 1 for a likely pixel that is in no component yet. */
  const pending = new Uint8Array(width * height);
  for (let pixel = 0; pixel < pending.length; pixel++) {
    if (valueAt(probabilities, pixel) >= probabilityMin) pending[pixel] = 1;
  }
  for (let start = pending.indexOf(1); start !== -1; start = pending.indexOf(1, start)) {
    yield takeComponent(start, pending, probabilities, width, height);
  }
}

function takeComponent(
  start: number,
  pending: Uint8Array,
  probabilities: Float32Array,
  width: number,
  height: number,
): Component {
  const top = Math.floor(start / width); // pixels are taken row by row: none above is pending
  /** The first and the last pixel of each row from `top` on. */
  const rows: { left: number; right: number }[] = [];
  let [pixels, sum] = [0, 0];
  const stack: number[] = [];
  const take = (pixel: number): void => {
    if (pending[pixel] !== 1) return;
    pending[pixel] = 0;
    stack.push(pixel);
  };
  take(start);
  for (let pixel = stack.pop(); pixel !== undefined; pixel = stack.pop()) {
    const x = pixel % width;
    const y = (pixel - x) / width;
    pixels += 1;
    sum += valueAt(probabilities, pixel);
    const row = rows[y - top];
    if (row === undefined) rows[y - top] = { left: x, right: x };
    else if (x < row.left) row.left = x;
    else if (x > row.right) row.right = x;
    for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
      for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) take(row * width + column);
    }
  }
  let [left, right] = [width, 0];
  const outline: Point[] = [];
  for (let index = 0; index < rows.length; index++) {
    const row = at(rows, index);
    const y = top + index;
    left = Math.min(left, row.left);
    right = Math.max(right, row.right + 1);
    outline.push({ x: row.left, y }, { x: row.left, y: y + 1 }, { x: row.right + 1, y }, { x: row.right + 1, y: y + 1 });
  }
  return { left, top, right, bottom: top + rows.length, pixels, probability: sum / pixels, outline };
}
