// Joins the outlines of the parts of one object, which overlap where tiles do. Pure.
import type { Polygon } from '../contract/schemas.ts';
import { outlines, simplified } from './outlines.ts';
import { signedArea } from './polygons.ts';

/** Cells of the longer side on which the parts are filled: an outline is at most half a cell off. */
const CELLS_MAX = 512;
const CORNERS_MAX = 64;
const TOLERANCE_CELLS = 0.5;
const INSIDE = 1;
const OUTSIDE = -1;

/** One outline around all parts, on cells of a pixel or more. `null` if the parts do not touch: one outline cannot show them. */
export function unionOfMasks(parts: readonly Polygon[]): Polygon | null {
  const [xs, ys] = [parts.flat().map(([x]) => x), parts.flat().map(([, y]) => y)];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const longerPx = Math.max(Math.max(...xs) - left, Math.max(...ys) - top);
  const cellPx = Math.max(1, longerPx / CELLS_MAX);
  // A margin of one cell: no part reaches the border of the field.
  const columns = Math.ceil((Math.max(...xs) - left) / cellPx) + 2;
  const rows = Math.ceil((Math.max(...ys) - top) / cellPx) + 2;
  const field = new Float32Array(columns * rows).fill(OUTSIDE);
  for (const part of parts) {
    const inCells = part.map(([x, y]): [number, number] => [(x - left) / cellPx + 1, (y - top) / cellPx + 1]);
    fill(field, columns, rows, inCells);
  }
  // The outline of a hole runs counterclockwise.
  const areas = outlines(field, columns).filter((outline) => outline.length > 2 && signedArea(outline) > 0);
  const [outline] = areas;
  if (!outline || areas.length > 1) return null;
  const corners = simplified(outline, TOLERANCE_CELLS, CORNERS_MAX);
  if (corners.length < 3) return null;
  // The sample at [1, 1] is the center of the first cell of the object.
  return corners.map(([x, y]) => [left + (x - 0.5) * cellPx, top + (y - 0.5) * cellPx]);
}

/** Sets the cells whose center lies inside of the polygon, row by row (even-odd rule). The first cell has its center at [1.5, 1.5]. */
function fill(field: Float32Array, columns: number, rows: number, polygon: Polygon): void {
  for (let row = 1; row < rows - 1; row++) {
    const crossings = crossingsAt(row + 0.5, polygon);
    for (let pair = 0; pair + 1 < crossings.length; pair += 2) {
      const from = Math.max(1, Math.ceil((crossings[pair] ?? 0) - 0.5));
      const to = Math.min(columns - 2, Math.floor((crossings[pair + 1] ?? 0) - 0.5));
      if (to >= from) field.fill(INSIDE, row * columns + from, row * columns + to + 1);
    }
  }
}

/** Where the edges of the polygon cross a height, ascending. */
function crossingsAt(y: number, polygon: Polygon): number[] {
  const crossings: number[] = [];
  let previous = polygon.at(-1);
  for (const corner of polygon) {
    if (previous && previous[1] > y !== corner[1] > y) {
      crossings.push(corner[0] + ((y - corner[1]) / (previous[1] - corner[1])) * (previous[0] - corner[0]));
    }
    previous = corner;
  }
  return crossings.sort((a, b) => a - b);
}
