// Splits a tall box around tight lines, such as a column of numbers: at its rows without ink or, if the lines touch, at the rows with
// the least ink, one a line. Pure.
import { at } from '../../../contract/at.ts';
import type { Pixels } from '../pixels.ts';
import type { TextBox } from './text-areas.ts';

/** A row has ink if its contrast exceeds this share of the box's. A rule across the whole box has no contrast along its row. */
const INK_CONTRAST_SHARE = 0.25;
const LINE_PX_MIN = 5;
const MARGIN_PX = 3;
/** Lines that touch: less than this is not legible. */
const PITCH_PX_MIN = 8;
/** The distance of lines that touch follows only from several of them. */
const LINES_MIN = 3;
/** How much of the pattern of ink must repeat from line to line. */
const REPETITION_MIN = 0.25;

/** The ways to split the box that are worth a reading, each from top to bottom. Empty if it is one line. */
export function linesIn(tile: Pixels, box: TextBox): TextBox[][] {
  const rows: number[] = [];
  for (let y = box.top; y < box.bottom; y++) rows.push(contrastOf(tile, y, box.left, box.right));
  const contrast = Math.max(...rows);
  const apart = linesApart(rows, INK_CONTRAST_SHARE * contrast, box);
  const touching = linesThatTouch(tile, contrast, box);
  return [apart, touching].filter((lines) => lines.length > 1);
}

function linesApart(contrasts: readonly number[], inkMin: number, { left, top, right, bottom }: TextBox): TextBox[] {
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

/** Lines of even distance, which the repeating pattern of their ink gives. Empty if nothing repeats. */
function linesThatTouch(tile: Pixels, contrast: number, { left, top, right, bottom }: TextBox): TextBox[] {
  const ink: number[] = [];
  const ground = groundOf(tile, { left, top, right, bottom });
  for (let y = top; y < bottom; y++) ink.push(inkOf(tile, y, left, right, ground, contrast / 2));
  const pitch = pitchOf(ink);
  if (pitch === null) return [];
  const phase = leastInk(ink, pitch);
  const cuts: number[] = [];
  for (let row = phase; row < ink.length; row += pitch) cuts.push(valleyNear(ink, Math.round(row)));
  const edges = [0, ...cuts.filter((row) => row > LINE_PX_MIN && row < ink.length - LINE_PX_MIN), ink.length];
  return edges.slice(1).map((to, index) => ({ left, top: top + at(edges, index), right, bottom: top + to }));
}

/** The most frequent green value. */
function groundOf({ rgb, width }: Pixels, { left, top, right, bottom }: TextBox): number {
  const counts = new Uint32Array(256);
  for (let y = top; y < bottom; y++)
    for (let x = left; x < right; x++) {
      const green = at(rgb, 3 * (y * width + x) + 1);
      counts[green] = at(counts, green) + 1;
    }
  return counts.indexOf(Math.max(...counts));
}

function inkOf({ rgb, width }: Pixels, y: number, left: number, right: number, ground: number, differenceMin: number): number {
  let pixels = 0;
  for (let x = left; x < right; x++) if (Math.abs(at(rgb, 3 * (y * width + x) + 1) - ground) > differenceMin) pixels++;
  return pixels;
}

/** The distance, to a fraction of a pixel, at which the ink repeats most: its autocorrelation over several lines. */
function pitchOf(ink: readonly number[]): number | null {
  const mean = ink.reduce((sum, pixels) => sum + pixels, 0) / ink.length;
  const centered = ink.map((pixels) => pixels - mean);
  const variance = centered.reduce((sum, value) => sum + value * value, 0) / ink.length;
  const repetition = (shift: number): number => {
    let sum = 0;
    for (let row = shift; row < centered.length; row++) sum += at(centered, row) * at(centered, row - shift);
    return variance === 0 ? 0 : sum / (centered.length - shift) / variance;
  };
  const longest = Math.floor(ink.length / LINES_MIN);
  let best: number | null = null;
  for (let shift = PITCH_PX_MIN; shift <= longest; shift++) {
    const value = repetition(shift);
    const isPeak = value >= repetition(shift - 1) && value >= repetition(shift + 1);
    // The first peak that is nearly as high as the highest: its multiples repeat as well.
    if (isPeak && value >= REPETITION_MIN && (best === null || value > 1.3 * repetition(best))) best = shift;
  }
  return best === null ? null : finer(best, repetition, Math.floor(longest / best));
}

/** A shift of several lines is several times as exact. */
function finer(pitch: number, repetition: (shift: number) => number, lines: number): number {
  let exact = pitch;
  for (let multiple = 2; multiple <= lines; multiple++) {
    const around = Math.round(exact * multiple);
    const shifts = [around - 1, around, around + 1].toSorted((a, b) => repetition(b) - repetition(a));
    exact = at(shifts, 0) / multiple;
  }
  return exact;
}

function leastInk(ink: readonly number[], pitch: number): number {
  let [best, least] = [0, Number.POSITIVE_INFINITY];
  for (let phase = 0; phase < pitch; phase++) {
    let [sum, rows] = [0, 0];
    for (let row = phase; row < ink.length; row += pitch, rows++) sum += at(ink, Math.min(ink.length - 1, Math.round(row)));
    if (sum / rows < least) [best, least] = [phase, sum / rows];
  }
  return best;
}

function valleyNear(ink: readonly number[], row: number): number {
  const near = [row, row - 1, row + 1].filter((candidate) => candidate >= 0 && candidate < ink.length);
  return near.toSorted((a, b) => at(ink, a) - at(ink, b))[0] ?? row;
}
