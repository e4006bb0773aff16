// Reads lines of text: PP-OCRv4's recognizer scores every character at every step along a line; the best ones are the text.
import { at } from '../../../contract/at.ts';
import { type Pixels, valueAt } from '../pixels.ts';
import { output, run, type Sessions } from '../sessions.ts';
import { linePlanes } from './line-planes.ts';
import type { Rectangle } from './rectangle.ts';

export interface Reading {
  text: string;
  /** The mean over the characters. */
  score: number;
}

const NOTHING: Reading = { text: '', score: 0 };
const HEIGHT_PX = 48; // what the recognizer was trained on
const WIDTH_PX_MIN = 16;
const WIDTH_PX_MAX = 1_600; // 33 times the height; longer lines are squeezed
const SPACE_MIN = 0.01; // on examples/floorplan.png: 0.025 and more between words, at most 0.0005 inside them
/** Before a period or comma, which wide letters seem to have a space: up to 0.13 without one, 0.25 and more with one. */
const SPACE_BEFORE_POINT_MIN = 0.2;
const POINTS = ['.', ','];

/**
 * The reading along the width of the rectangle. `dictionary` is PaddleOCR's list of characters.
 * One line per run: eight lines padded to one width took a third more time and lost spaces.
 */
export async function readLine(
  sessions: Sessions,
  readerFile: string,
  dictionary: readonly string[],
  tile: Pixels,
  line: Rectangle,
): Promise<Reading> {
  const session = await sessions.get(readerFile);
  const width = Math.round((HEIGHT_PX * line.width) / line.height);
  const planes = linePlanes(tile, line, Math.min(WIDTH_PX_MAX, Math.max(WIDTH_PX_MIN, width)), HEIGHT_PX);
  const { values, shape } = output(await run(session, planes.values, [1, 3, planes.height, planes.width]));
  return readSteps(values, at(shape, 1), at(shape, 2), dictionary);
}

/**
 * CTC: the best character of each step, without repeats and blanks (character 0). The model scores spaces, its last character, low:
 * blanks often win over them, so a space counts by its own score and not by being the best.
 */
function readSteps(scores: Float32Array, steps: number, characters: number, dictionary: readonly string[]): Reading {
  const spaceCharacter = characters - 1;
  let text = '';
  let sum = 0;
  let count = 0;
  let previous = 0;
  let space = 0; // the highest score of a space since the last character
  for (let step = 0; step < steps; step++) {
    const start = step * characters;
    space = Math.max(space, valueAt(scores, start + spaceCharacter));
    const best = bestCharacter(scores, start, spaceCharacter);
    if (best !== 0 && best !== previous) {
      const character = at(dictionary, best - 1);
      const spaceMin = POINTS.includes(character) ? SPACE_BEFORE_POINT_MIN : SPACE_MIN;
      text += space > spaceMin && count > 0 ? ` ${character}` : character;
      sum += valueAt(scores, start + best);
      count += 1;
      space = 0;
    }
    previous = best;
  }
  return count === 0 ? NOTHING : { text, score: sum / count };
}

function bestCharacter(scores: Float32Array, start: number, characters: number): number {
  let best = 0;
  let score = valueAt(scores, start);
  for (let character = 1; character < characters; character++) {
    const value = valueAt(scores, start + character);
    if (value > score) {
      score = value;
      best = character;
    }
  }
  return best;
}
