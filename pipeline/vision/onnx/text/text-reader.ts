// Reads a line of text with a PP-OCR recognizer: cuts it out of the tile, runs the model, and turns its scores into text.
import { at } from '../../../contract/at.ts';
import { checkCharacters, LINE_HEIGHT_PX } from '../../detectors/text-model-files.ts';
import type { Pixels } from '../pixels.ts';
import type { Session } from '../runtime.ts';
import { output, run } from '../sessions.ts';
import { linePlanes } from './line-planes.ts';
import type { Rectangle } from './rectangle.ts';
import { type Alphabet, type Reading, textOfScores } from './text-of-scores.ts';

const WIDTH_PX_MIN = 16;
const WIDTH_PX_MAX = 1_600; // 33 times the height; longer lines are squeezed

/**
 * The reading along the width of the rectangle. Throws an AnswerError if the model returns no probabilities, and a UserError if the
 * dictionary is not that of the model.
 * One line per run: eight lines padded to one width took a third more time and lost spaces.
 */
export async function readLine(session: Session, alphabet: Alphabet, tile: Pixels, line: Rectangle): Promise<Reading> {
  const width = Math.round((LINE_HEIGHT_PX * line.width) / line.height);
  const planes = linePlanes(tile, line, Math.min(WIDTH_PX_MAX, Math.max(WIDTH_PX_MIN, width)), LINE_HEIGHT_PX);
  const { values, shape } = output(await run(session, planes.values, [1, 3, planes.height, planes.width]));
  const [steps, characters] = [at(shape, 1), at(shape, 2)];
  checkCharacters(characters, alphabet.dictionary.length);
  return textOfScores({ values, steps, characters }, alphabet);
}
