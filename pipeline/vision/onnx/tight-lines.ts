// Splits a tall box around tight lines, such as a column of numbers, at the rows without ink. Pure.
import { at } from '../../contract/at.ts';
import type { Pixels } from './pixels.ts';
import type { TextBox } from './text-boxes.ts';

/** A row has ink if its contrast exceeds this share of the box's. A rule across the whole box has no contrast along its row. */
const INK_CONTRAST_SHARE = 0.25;
const LINE_PX_MIN = 5;
const MARGIN_PX = 3;

/** The lines from top to bottom; just one if no row is empty. */
export function linesIn(tile: Pixels, { left, top, right, bottom }: TextBox): TextBox[] {
  const contrasts: number[] = [];
  for (let y = top; y < bottom; y++) contrasts.push(contrastOf(tile, y, left, right));
  const inkMin = INK_CONTRAST_SHARE * Math.max(...contrasts);
  const lines: TextBox[] = [];
  for (let from = 0, to = 0; from < contrasts.length; from = to + 1) {
    to = from;
    while (to < contrasts.length && at(contrasts, to) > inkMin) to++;
    if (to - from < LINE_PX_MIN) continue;
    lines.push({ left, top: Math.max(top, top + from - MARGIN_PX), right, bottom: Math.min(bottom, top + to + MARGIN_PX) });
  }
  return lines;
}

/** The difference between the lightest and the darkest green value of a row. */
function contrastOf({ rgb, width }: Pixels, y: number, left: number, right: number): number {
  let [darkest, lightest] = [255, 0];
  for (let x = left; x < right; x++) {
    const green = at(rgb, 3 * (y * width + x) + 1);
    darkest = Math.min(darkest, green);
    lightest = Math.max(lightest, green);
  }
  return lightest - darkest;
}
