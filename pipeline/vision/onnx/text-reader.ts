// Reads lines of text: PP-OCRv4's recognizer scores every character at every step along a line; the best ones are the text.
import { at } from '../../contract/at.ts';
import { bgrPlanes, channelTable, type Pixels, turnedCrop, valueAt } from './pixels.ts';
import { output, run, type Sessions } from './sessions.ts';
import type { TextBox } from './text-boxes.ts';

export interface Reading {
  text: string;
  /** The mean over the characters. */
  score: number;
}

const NOTHING: Reading = { text: '', score: 0 };
const HEIGHT_PX = 48; // what the recognizer was trained on
const WIDTH_PX_MIN = 16;
const WIDTH_PX_MAX = 1_600; // 33 times the height; longer lines are squeezed
const TALL = 1.5; // a box this much taller than wide is also read turned, as PaddleOCR does
const SPACE_MIN = 0.01; // on examples/floorplan.png: 0.025 and more between words, at most 0.0005 inside them
const TABLE = channelTable(127.5, 127.5);

/**
 * The reading of a box with the highest score. `dictionary` is PaddleOCR's list of characters.
 * One line per run: eight lines padded to one width took a third more time and lost spaces.
 */
export async function readLine(
  sessions: Sessions,
  readerFile: string,
  dictionary: readonly string[],
  tile: Pixels,
  box: TextBox,
): Promise<Reading> {
  const session = await sessions.get(readerFile);
  let best = NOTHING;
  for (const degrees of turns(box)) {
    const planes = bgrPlanes(await crop(tile, box, degrees), [TABLE, TABLE, TABLE]);
    const { values, shape } = output(await run(session, planes.values, [1, 3, planes.height, planes.width]));
    const reading = readSteps(values, at(shape, 1), at(shape, 2), dictionary);
    if (reading.score > best.score) best = reading;
  }
  return best;
}

function turns(box: TextBox): (0 | 90 | 270)[] {
  return box.bottom - box.top < TALL * (box.right - box.left) ? [0] : [0, 90, 270];
}

function crop(tile: Pixels, box: TextBox, degrees: 0 | 90 | 270): Promise<Pixels> {
  const across = box.right - box.left;
  const down = box.bottom - box.top;
  const width = Math.round(HEIGHT_PX * (degrees === 0 ? across / down : down / across));
  return turnedCrop(tile, box, degrees, Math.min(WIDTH_PX_MAX, Math.max(WIDTH_PX_MIN, width)), HEIGHT_PX);
}

/**
 * CTC: the best character of each step, without repeats and blanks (character 0). The model scores spaces, its last character, low:
 * blanks often win over them, so a space counts by its own score and not by being the best.
 */
function readSteps(scores: Float32Array, steps: number, characters: number, dictionary: readonly string[]): Reading {
  const space = characters - 1;
  let text = '';
  let sum = 0;
  let count = 0;
  let previous = 0;
  let gap = false;
  for (let step = 0; step < steps; step++) {
    const start = step * characters;
    gap ||= valueAt(scores, start + space) > SPACE_MIN;
    const best = bestCharacter(scores, start, space);
    if (best !== 0 && best !== previous) {
      const character = at(dictionary, best - 1);
      text += gap && count > 0 ? ` ${character}` : character;
      sum += valueAt(scores, start + best);
      count += 1;
      gap = false;
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
