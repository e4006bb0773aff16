// Finds which looks of one label meet, without comparing all with all. Pure.
import Flatbush from 'flatbush';
import type { Looks } from './detection-table.ts';

/** Between the sheets of two labels, so that rounding never lets them touch. */
const SHEET_GAP_PX = 16;

/** Boxes in a node of the tree: Flatbush's own choice. Its single precision moves edges by less than half a pixel, both sides alike. */
const NODE_SIZE = 16;

export interface Neighbours {
  /**
   * Calls `meet` with every indexed look of the same label within `reachPx` of the box of `at`, itself included, in no set order,
   * until it answers that this is enough.
   */
  visit(at: number, meet: (other: number) => boolean, reachPx?: number): void;
}

/** One index for all labels: every label lies on a sheet of its own, and the sheets side by side in a square. */
export function neighboursOf(looks: Looks, rows: Int32Array, image: { width: number; height: number }): Neighbours {
  if (rows.length === 0) return { visit: () => {} };
  const { left, top, right, bottom, label } = looks;
  const sheetsAcross = Math.ceil(Math.sqrt(looks.labels));
  const sheetLeft = (row: number) => ((label[row] as number) % sheetsAcross) * (image.width + SHEET_GAP_PX);
  const sheetTop = (row: number) => Math.floor((label[row] as number) / sheetsAcross) * (image.height + SHEET_GAP_PX);
  const index = new Flatbush(rows.length, NODE_SIZE, Float32Array);
  for (const row of rows) {
    const [x, y] = [sheetLeft(row), sheetTop(row)];
    index.add(x + (left[row] as number), y + (top[row] as number), x + (right[row] as number), y + (bottom[row] as number));
  }
  index.finish();
  let tell: (other: number) => boolean = () => true;
  const met = (found: number) => tell(rows[found] as number);
  return {
    visit(at, meet, reachPx = 0) {
      tell = meet; // and not a list of what was found: a million lists are slow to collect
      const [x, y] = [sheetLeft(at), sheetTop(at)];
      const [fromX, fromY] = [x + (left[at] as number) - reachPx, y + (top[at] as number) - reachPx];
      const [toX, toY] = [x + (right[at] as number) + reachPx, y + (bottom[at] as number) + reachPx];
      index.collides(Math.fround(fromX), Math.fround(fromY), Math.fround(toX), Math.fround(toY), met);
    },
  };
}
