// Chooses in which directions a line is read: upside down, up or down, if its rectangle does not show where its text begins.
import { type Rectangle, turned } from './rectangle.ts';
import type { Reading } from './text-of-scores.ts';

export interface LineRead {
  line: Rectangle;
  reading: Reading;
}

export type ReadDirection = (line: Rectangle) => Promise<Reading>;

/** A rectangle with sides closer than this is squat: one or two characters. Its angle does not show the direction of the text. */
const SQUAT = 1.5;
/** Text at a steeper angle may begin at either end. */
const STEEP_DEGREES = 44;
/** A line with a lower score may be upside down. */
const UPRIGHT_SCORE_MIN = 0.9;
/** What is no text may have a higher score upside down. */
const TURNED_SCORE_MIN = 0.8;
/** One or two characters often have a high score in a wrong direction too: another one must be clearly better. */
const SQUAT_SCORE_MIN = 0.6;
const SQUAT_GAIN_MIN = 0.2;

/** The reading with the best direction. The angle of its line says in which direction the text runs. */
export async function readDirections(line: Rectangle, read: ReadDirection): Promise<LineRead> {
  const first = { line, reading: await read(line) };
  if (line.width < SQUAT * line.height) return bestOfSquat(first, read);
  const isSteep = Math.abs(line.angle) > STEEP_DEGREES;
  if (!isSteep && first.reading.score >= UPRIGHT_SCORE_MIN) return first;
  const other = await readTurned(line, 2, read);
  return isSteep || other.reading.score >= TURNED_SCORE_MIN ? better(first, other) : first;
}

async function bestOfSquat(first: LineRead, read: ReadDirection): Promise<LineRead> {
  if (first.reading.score >= SQUAT_SCORE_MIN) return first;
  let best = first;
  for (const quarters of [-1, 1, 2]) best = better(best, await readTurned(first.line, quarters, read));
  return best.reading.score >= TURNED_SCORE_MIN && best.reading.score > first.reading.score + SQUAT_GAIN_MIN ? best : first;
}

async function readTurned(line: Rectangle, quarters: number, read: ReadDirection): Promise<LineRead> {
  const other = turned(line, quarters);
  return { line: other, reading: await read(other) };
}

export function better(a: LineRead, b: LineRead): LineRead {
  return b.reading.score > a.reading.score ? b : a;
}
