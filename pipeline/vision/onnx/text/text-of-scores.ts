// From the scores of a PP-OCR reader to text: the model scores every character at every step along a line. Pure, and knows no session.
import { at } from '../../../contract/at.ts';
import { AnswerError } from '../../../contract/errors.ts';
import { scriptsOf } from '../../detectors/text-model-files.ts';
import { valueAt } from '../pixels.ts';

export interface Reading {
  text: string;
  /** The mean over the characters. */
  score: number;
}

export interface Scores {
  /** A score of each character, step by step. */
  values: Float32Array;
  steps: number;
  characters: number;
}

/** What the scores mean. */
export interface Alphabet {
  /** PaddleOCR's list of characters. The model scores a blank before them and, with most models, a space after them. */
  dictionary: readonly string[];
  /** Its models for Arabic write a line from left to right, as it stands in the image. */
  isMirrored: boolean;
}

const NOTHING: Reading = { text: '', score: 0 };
const SPACE = ' ';
const SPACE_MIN = 0.01; // on examples/floorplan.png: 0.025 and more between words, at most 0.0005 inside them
/** Before a period or comma, which wide letters seem to have a space: up to 0.13 without one, 0.25 and more with one. */
const SPACE_BEFORE_POINT_MIN = 0.2;
const POINTS = ['.', ','];
const SCORE_MAX = 1.001; // rounding of float32
/** What stays in its order in a line of Arabic, and every other character. */
const RUNS = /[a-z0-9 :*./%+-]+|./giu;

export function alphabetOf(dictionary: readonly string[]): Alphabet {
  return { dictionary, isMirrored: scriptsOf(dictionary).includes('Arabic') };
}

/**
 * CTC: the best character of each step, without repeats and blanks (character 0). The model scores spaces low: blanks often win over them,
 * so a space counts by its own score and not by being the best. Throws an AnswerError if the scores are no probabilities.
 */
export function textOfScores(scores: Scores, { dictionary, isMirrored }: Alphabet): Reading {
  const { values, steps, characters } = scores;
  const spaces = spacesOf(characters, dictionary);
  let text = '';
  let sum = 0;
  let count = 0;
  let previous = 0;
  let space = 0; // the highest score of a space since the last character
  for (let step = 0; step < steps; step++) {
    const start = step * characters;
    for (const character of spaces) space = Math.max(space, valueAt(values, start + character));
    const best = bestCharacter(scores, start, spaces);
    const score = valueAt(values, start + best);
    if (!(score >= 0 && score <= SCORE_MAX)) {
      throw new AnswerError(`The model that reads text returned ${score} where a score from 0 to 1 is expected.`);
    }
    if (best !== 0 && best !== previous) {
      const character = at(dictionary, best - 1);
      const spaceMin = POINTS.includes(character) ? SPACE_BEFORE_POINT_MIN : SPACE_MIN;
      text += space > spaceMin && count > 0 ? SPACE + character : character;
      sum += score;
      count += 1;
      space = 0;
    }
    previous = best;
  }
  if (count === 0) return NOTHING;
  return { text: isMirrored ? mirrored(text) : text, score: sum / count };
}

/** The characters that are a space: many dictionaries have one, and the model scores another one after them. */
function spacesOf(characters: number, dictionary: readonly string[]): number[] {
  const own = dictionary.indexOf(SPACE);
  return [...(own === -1 ? [] : [own + 1]), ...(characters === dictionary.length + 2 ? [characters - 1] : [])];
}

function bestCharacter({ values, characters }: Scores, start: number, spaces: readonly number[]): number {
  let best = 0;
  let score = valueAt(values, start);
  for (let character = 1; character < characters; character++) {
    const value = valueAt(values, start + character);
    if (value > score && !spaces.includes(character)) {
      score = value;
      best = character;
    }
  }
  return best;
}

function mirrored(text: string): string {
  return (text.match(RUNS) ?? []).reverse().join('');
}
