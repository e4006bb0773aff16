// Rescores things on pages of text: a detector that was trained on photographs reports laptops and beds in screenshots and scans. Pure.
import type { Size } from '../../planning/geometry.ts';
import type { DetectionTable } from '../detection-table.ts';
import { SpatialIndex } from '../spatial-index.ts';

// Measured with NanoDet-g: its 18 things on a scanned page and 11 on handwriting scored at most 0.53, and so did the 6 on 12 drawn
// screenshots. Half of the right things of photographs score more than 0.6.
const LOW_SCORE_MAX = 0.55;
/** With this number of lines in the surroundings they are a page, not a sign, a plate or a poster. */
const LINES_AROUND_MIN = 8;
/** An image with this number of lines is a page if none of its things scores more: charts and icons have few lines around them. */
const LINES_OF_PAGE_MIN = 20;
/** The surroundings: as many pixels of the level at which the thing was detected, or the box of the thing if it is larger. */
const SURROUNDINGS_PX = 640;
const LINE_SCORE_MIN = 0.6;
const PENALTY_FACTOR = 1 / 2;

/** Halves the score of each thing among `rows` that scores little and lies on a page of text. */
export function rescoreThingsOnText(table: DetectionTable, rows: Int32Array, image: Size): void {
  const lines = rows.filter((row) => table.isText(row) && table.score(row) >= LINE_SCORE_MIN);
  if (lines.length < LINES_AROUND_MIN) return;
  const things = rows.filter((row) => !table.isText(row));
  const low = things.filter((row) => table.score(row) <= LOW_SCORE_MAX);
  const isPage = lines.length >= LINES_OF_PAGE_MIN && low.length === things.length;
  const index = new SpatialIndex(table, lines, image, 'all labels');
  for (const row of low) {
    if (isPage || hasLinesAround(table, index, row)) {
      table.rescore(row, table.score(row) * PENALTY_FACTOR, PENALTY_FACTOR, true);
    }
  }
}

function hasLinesAround(table: DetectionTable, lines: SpatialIndex, row: number): boolean {
  const longerPx = Math.max(table.width(row), table.height(row));
  const reachPx = Math.max(0, (SURROUNDINGS_PX * 2 ** table.level(row) - longerPx) / 2);
  let found = 0;
  lines.visit(row, () => ++found >= LINES_AROUND_MIN, reachPx);
  return found >= LINES_AROUND_MIN;
}
