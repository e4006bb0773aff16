// What people read of an answer: the text with its citations, how sure the model is, and where it looked. Pure.
import type { Look } from '../contract/questions/search-turn.ts';
import type { Box, Finding } from '../contract/schemas.ts';
import { withKnownCitations } from '../findings/citations.ts';
import type { Size } from '../planning/geometry.ts';
import type { AnswerAction } from './next-move.ts';

const BOXES_NAMED_MAX = 12;
/** Cells along a side, for the share of the image that was seen. */
const CELLS = 100;

export function answerWords(answer: AnswerAction, findings: readonly Finding[], looks: readonly Look[], image: Size): string {
  const cited = findings.map(({ id }) => `[${id}]`).join(' ');
  const text = withKnownCitations(answer.text, []);
  const confidence = `Confidence ${answer.confidence.toFixed(2)}, after ${counted(looks.length, 'look')}.`;
  return [text, cited, confidence, ...(answer.found ? [] : [whereWords(looks, image)])].filter((part) => part !== '').join(' ');
}

/** Where the model looked, for an answer that did not find it. */
export function whereWords(looks: readonly Look[], image: Size): string {
  if (looks.length === 0) return 'Only the overview was seen.';
  const boxes = looks.map(({ box }) => `[${box.map(Math.round).join(', ')}]`);
  const more = boxes.length - BOXES_NAMED_MAX;
  const named = `${boxes.slice(0, BOXES_NAMED_MAX).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  const full = looks.filter(({ box, width }) => width >= box[2] - 1);
  return `Besides the overview, these areas were seen: ${named}; ${share(full, image)} % of the image at full resolution.`;
}

function share(looks: readonly { box: Box }[], { width, height }: Size): number {
  let covered = 0;
  for (let row = 0; row < CELLS; row++) {
    for (let column = 0; column < CELLS; column++) {
      const [x, y] = [((column + 0.5) * width) / CELLS, ((row + 0.5) * height) / CELLS];
      const isSeen = ({ box: [left, top, across, down] }: { box: Box }) =>
        x >= left && x < left + across && y >= top && y < top + down;
      covered += Number(looks.some(isSeen));
    }
  }
  return Math.round((100 * covered) / CELLS ** 2);
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
