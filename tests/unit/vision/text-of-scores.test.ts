import { describe, expect, test } from 'vitest';
import { alphabetOf, type Scores, textOfScores } from '../../../pipeline/vision/onnx/text/text-of-scores.ts';

const ABC = ['a', 'b', 'c', '.'];

/** What scores in one step: the place of a character, or its score too. */
type Step = (number | [number, number])[];

function scores(characters: number, steps: readonly Step[]): Scores {
  const values = new Float32Array(steps.length * characters);
  for (const [step, given] of steps.entries()) {
    for (const entry of given) {
      const [character, score] = typeof entry === 'number' ? [entry, 0.9] : entry;
      values[step * characters + character] = score;
    }
  }
  return { values, steps: steps.length, characters };
}

describe('the scores of a reader', () => {
  test('are text without blanks and repeats, and its score is the mean over the characters', () => {
    const { text, score } = textOfScores(scores(6, [[1], [1], [0], [1], [[2, 0.5]], [0], [3]]), alphabetOf(ABC));
    expect(text).toBe('aabc');
    expect(score).toBeCloseTo((0.9 + 0.9 + 0.5 + 0.9) / 4, 6);
    expect(textOfScores(scores(6, [[0], [0]]), alphabetOf(ABC))).toEqual({ text: '', score: 0 });
  });

  test('have a space where it scores a little beside a blank, but not before a period', () => {
    expect(textOfScores(scores(6, [[1], [0, [5, 0.05]], [2], [0, [5, 0.05]], [4]]), alphabetOf(ABC)).text).toBe('a b.');
  });

  test('have the space of the dictionary, the one after it, or both, once', () => {
    const spaced = alphabetOf([' ', ...ABC]); // as in PaddleOCR's dictionaries for Latin, Cyrillic and Arabic
    const line: Step[] = [[1], [2], [1], [1, [6, 0.3]], [3], [1]];
    expect(textOfScores(scores(7, line), spaced).text).toBe('a b');
    expect(textOfScores(scores(6, [[1], [2], [1], [3]]), spaced).text).toBe('a b');
    expect(textOfScores(scores(5, [[1], [0], [2]]), alphabetOf(ABC)).text).toBe('ab');
  });

  test('of Arabic come from left to right, with Latin words and numbers in their order', () => {
    const arabic = [...'ابتثجحخدذرزسشصضطظعغف', ...'ab12.'];
    const place = (character: string) => [arabic.indexOf(character) + 1];
    // "بث ab 12." as it stands in the image, without its spaces.
    const line = ['a', 'b', '1', '2', '.', 'ث', 'ب'].map(place);
    expect(textOfScores(scores(arabic.length + 1, line), alphabetOf(arabic)).text).toBe('بثab12.');
    expect(alphabetOf(ABC).isMirrored).toBe(false);
  });

  test.each([[Number.NaN], [7.5], [-0.2]])('of %d are none: the model has no softmax at its end', (score) => {
    const all = scores(6, [[1]]);
    all.values.fill(score);
    expect(() => textOfScores(all, alphabetOf(ABC))).toThrow('where a score from 0 to 1 is expected.');
  });
});
