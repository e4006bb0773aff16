// Rescores things on pages of text: a detector that was trained on photographs reports laptops and kites in screenshots and scans. Pure.
import type { Size } from '../../planning/geometry.ts';
import type { DetectionTable } from '../detection-table.ts';
import { SpatialIndex } from '../spatial-index.ts';

// Measured with NanoDet-g. Right: 114 things in 31 photographs, street scenes with text among them. Wrong: the things on 98 drawn pages and,
// but for about 20 portraits and drawings of things, the 453 on 99 screenshots of other programs.

/** Right: 84 score more (63 more than 0.6). Wrong: 406 of 453 score at most this. */
const LOW_SCORE_MAX = 0.55;
/** Wrong things score up to 0.65 on the drawn pages, and up to 0.71 on the screenshots. */
const DRAWN_SCORE_MAX = 0.75;
/** From this share of flat color in and around it, a thing is drawn: 98 % of those on drawn pages, and 1 % of those in photographs. */
const DRAWN_FLAT_MIN = 0.3;
/** From this number of lines on, the surroundings are a page. A sign, a plate or a poster has fewer. */
const LINES_AROUND_MIN = 8;
/** From this number of lines on, the image is a page: its charts and icons have few lines around them. */
const LINES_OF_PAGE_MIN = 20;
/** The surroundings: as many pixels of the level at which the thing was detected, or the box of the thing if it is larger. */
const SURROUNDINGS_PX = 640;
const LINE_SCORE_MIN = 0.6;
const PENALTY_FACTOR = 1 / 2;

/**
 * Halves the score of each thing among `rows` that lies on a page of text, and is drawn or scores low. If a page shows other things too,
 * it may have photographs: things on it that are not drawn keep their score, unless lines surround them.
 */
export function rescoreThingsOnText(table: DetectionTable, rows: Int32Array, image: Size): void {
  const lines = rows.filter((row) => table.isText(row) && table.score(row) >= LINE_SCORE_MIN);
  if (lines.length < LINES_AROUND_MIN) return;
  const isPage = lines.length >= LINES_OF_PAGE_MIN;
  const things = rows.filter((row) => !table.isText(row));
  const doubtful = things.filter((row) => table.score(row) <= (isDrawn(table, row) ? DRAWN_SCORE_MAX : LOW_SCORE_MAX));
  const mayHavePhotographs = doubtful.length < things.length;
  const index = new SpatialIndex(table, lines, image, 'all labels');
  for (const row of doubtful) {
    const isOnPage = isPage && (isDrawn(table, row) || !mayHavePhotographs);
    if (isOnPage || hasLinesAround(table, index, row)) {
      table.rescore(row, table.score(row) * PENALTY_FACTOR, PENALTY_FACTOR, true);
    }
  }
}

/** False if the model did not report it. */
function isDrawn(table: DetectionTable, row: number): boolean {
  const { flat } = table.detection(row);
  return flat !== undefined && flat >= DRAWN_FLAT_MIN;
}

function hasLinesAround(table: DetectionTable, lines: SpatialIndex, row: number): boolean {
  const longerPx = Math.max(table.width(row), table.height(row));
  const reachPx = Math.max(0, (SURROUNDINGS_PX * 2 ** table.level(row) - longerPx) / 2);
  let found = 0;
  lines.visit(row, () => ++found >= LINES_AROUND_MIN, reachPx);
  return found >= LINES_AROUND_MIN;
}
