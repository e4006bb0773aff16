// Reads lines of text: a PP-OCR recognizer scores every character at every step along a line; the best ones are the text.
import type { InferenceSession } from 'onnxruntime-node';
import { at } from '../../../contract/at.ts';
import { AnswerError } from '../../../contract/errors.ts';
import { checkCharacters, LINE_HEIGHT_PX } from '../../detectors/text-model-files.ts';
import { type Pixels, valueAt } from '../pixels.ts';
import { output, run } from '../sessions.ts';
import { linePlanes } from './line-planes.ts';
import type { Rectangle } from './rectangle.ts';

export interface Reading {
  text: string;
  /** The mean over the characters. */
  score: number;
}

const NOTHING: Reading = { text: '', score: 0 };
const WIDTH_PX_MIN = 16;
const WIDTH_PX_MAX = 1_600; // 33 times the height; longer lines are squeezed
const SCORE_MAX = 1.001; // rounding of float32
const SPACE_MIN = 0.01; // on examples/floorplan.png: 0.025 and more between words, at most 0.0005 inside them
/** Before a period or comma, which wide letters seem to have a space: up to 0.13 without one, 0.25 and more with one. */
const SPACE_BEFORE_POINT_MIN = 0.2;
const POINTS = ['.', ','];

/**
 * The reading along the width of the rectangle. `dictionary` is PaddleOCR's list of characters. Throws an AnswerError if the model returns
 * no probabilities, and a UserError if the dictionary is not that of the model.
 * One line per run: eight lines padded to one width took a third more time and lost spaces.
 */
export async function readLine(
  session: InferenceSession,
  dictionary: readonly string[],
  tile: Pixels,
  line: Rectangle,
): Promise<Reading> {
  const width = Math.round((LINE_HEIGHT_PX * line.width) / line.height);
  const planes = linePlanes(tile, line, Math.min(WIDTH_PX_MAX, Math.max(WIDTH_PX_MIN, width)), LINE_HEIGHT_PX);
  const { values, shape } = output(await run(session, planes.values, [1, 3, planes.height, planes.width]));
  const [steps, characters] = [at(shape, 1), at(shape, 2)];
  checkCharacters(characters, dictionary.length);
  return readSteps({ values, steps, characters }, dictionary);
}

interface Scores {
  /** A score of each character, step by step. */
  values: Float32Array;
  steps: number;
  characters: number;
}

/**
 * CTC: the best character of each step, without repeats and blanks (character 0). The model scores spaces low: blanks often win over them,
 * so a space counts by its own score and not by being the best.
 */
function readSteps(scores: Scores, dictionary: readonly string[]): Reading {
  const { values, steps, characters } = scores;
  const spaceCharacter = spaceOf(characters, dictionary);
  let text = '';
  let sum = 0;
  let count = 0;
  let previous = 0;
  let space = 0; // the highest score of a space since the last character
  for (let step = 0; step < steps; step++) {
    const start = step * characters;
    if (spaceCharacter !== null) space = Math.max(space, valueAt(values, start + spaceCharacter));
    const best = bestCharacter(scores, start, spaceCharacter);
    const score = valueAt(values, start + best);
    if (!(score >= 0 && score <= SCORE_MAX)) {
      throw new AnswerError(`The model that reads text returned ${score} where a score from 0 to 1 is expected.`);
    }
    if (best !== 0 && best !== previous) {
      const character = at(dictionary, best - 1);
      const spaceMin = POINTS.includes(character) ? SPACE_BEFORE_POINT_MIN : SPACE_MIN;
      text += space > spaceMin && count > 0 ? ` ${character}` : character;
      sum += score;
      count += 1;
      space = 0;
    }
    previous = best;
  }
  return count === 0 ? NOTHING : { text, score: sum / count };
}

/** The last character, unless the dictionary has it instead. `null` if the model knows no space. */
function spaceOf(characters: number, dictionary: readonly string[]): number | null {
  if (characters === dictionary.length + 2) return characters - 1;
  const place = dictionary.indexOf(' ');
  return place === -1 ? null : place + 1;
}

function bestCharacter({ values, characters }: Scores, start: number, spaceCharacter: number | null): number {
  let best = 0;
  let score = valueAt(values, start);
  for (let character = 1; character < characters; character++) {
    const value = valueAt(values, start + character);
    if (value > score && character !== spaceCharacter) {
      score = value;
      best = character;
    }
  }
  return best;
}
