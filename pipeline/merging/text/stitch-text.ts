// Joins readings of one line of text that a tile edge cuts: "HELLO WOR" and "LO WORLD" become "HELLO WORLD". Pure.
import { at } from '../../contract/at.ts';
import { type Alignment, bestAlignment, type Letter, lettersOf, textOf } from './text-alignment.ts';

/** The share of the aligned letters in which two readings may differ: edges cut through letters. */
const MISREAD_SHARE_MAX = 1 / 4;
/** How far the number of shared characters may differ from the boxes' estimate: letters differ in width, and boxes have margins. */
const SHARED_TOLERANCE = 3;
/** A gap of at least half a letter between two boxes is a space. */
const SPACE_LETTERS_MIN = 0.5;
/** A letter at a cut may be a fragment, so it may be dropped. */
const CUT_LETTERS_MAX = 1;

export interface Reading {
  text: string;
  /** Pixels of the image. */
  left: number;
  right: number;
}

interface Fit {
  text: string;
  /** Shared letters that agree, minus penalties. */
  points: number;
}

/** The whole line that the readings show together, regardless of their order; `null` if two neighbors do not fit. */
export function joinReadings(readings: readonly Reading[]): Reading | null {
  const inOrder = readings.toSorted((a, b) => a.left - b.left || b.right - a.right || (a.text < b.text ? -1 : 1));
  let line: Reading | null = null;
  for (const next of inOrder) {
    line = line ? extended(line, next) : next;
    if (!line) return null;
  }
  return line;
}

function extended(line: Reading, next: Reading): Reading | null {
  if (next.right <= line.right) return line; // the same part of the line, read in another row of tiles
  const letterPx = (line.right - line.left + next.right - next.left) / (line.text.length + next.text.length);
  const text = joinTexts(line.text, next.text, (line.right - next.left) / letterPx);
  return text === null ? null : { text, left: line.left, right: next.right };
}

/** `sharedExpected`: the number of letters and spaces in both boxes; negative for a gap between them. */
function joinTexts(left: string, right: string, sharedExpected: number): string | null {
  const [leftLetters, rightLetters] = [lettersOf(left), lettersOf(right)];
  const space = sharedExpected <= -SPACE_LETTERS_MIN ? ' ' : '';
  let best: Fit | null = sharedExpected < 1 ? { text: left + space + right, points: 0 } : null;
  for (let cutLeft = 0; cutLeft <= CUT_LETTERS_MAX; cutLeft++) {
    for (let cutRight = 0; cutRight <= CUT_LETTERS_MAX; cutRight++) {
      const before = leftLetters.slice(0, leftLetters.length - cutLeft);
      const fit = bestFit(before, rightLetters.slice(cutRight), sharedExpected, cutLeft + cutRight);
      if (fit && (best === null || fit.points > best.points)) best = fit;
    }
  }
  return best?.text ?? null;
}

function bestFit(before: readonly Letter[], after: readonly Letter[], sharedExpected: number, lettersCut: number): Fit | null {
  let best: Fit | null = null;
  const sharedMin = Math.max(1, Math.ceil(sharedExpected) - SHARED_TOLERANCE);
  const sharedMax = Math.floor(sharedExpected) + SHARED_TOLERANCE;
  let width = 0; // of the shared letters, with the spaces between them
  for (let start = before.length - 1; start >= 0 && width < sharedMax; start--) {
    width += before[start + 1]?.spaceBefore ? 2 : 1;
    if (width < sharedMin || width > sharedMax) continue;
    const shared = before.slice(start);
    const alignment = bestAlignment(shared, after.slice(0, alignedLengthMax(shared.length)), isFit);
    if (!alignment) continue;
    const points = alignment.points - lettersCut;
    if (points <= 0 || (best && points <= best.points)) continue;
    const joined = joinedLetters(alignment, shared, after);
    const rest = after.slice(alignment.columns.filter(([, b]) => b !== null).length);
    best = { text: textOf([...before.slice(0, start), ...joined, ...rest]), points };
  }
  return best;
}

function isFit({ columns, edits }: Alignment): boolean {
  return edits <= columns.length * MISREAD_SHARE_MAX;
}

/** An alignment with more letters would have too many edits. */
function alignedLengthMax(shared: number): number {
  return Math.floor(shared / (1 - MISREAD_SHARE_MAX));
}

/**
 * Where the readings differ, each one is right in the half away from its own cut. A letter that only one reading has is kept, unless it
 * lies at the cut of that reading: there it is a fragment.
 */
function joinedLetters({ columns }: Alignment, left: readonly Letter[], right: readonly Letter[]): Letter[] {
  const half = Math.ceil(columns.length / 2);
  const joined: Letter[] = [];
  columns.forEach(([a, b], column) => {
    if (a !== null && (b === null ? a < left.length - 1 : column < half)) joined.push(at(left, a));
    else if (b !== null && a !== null) joined.push(continued(at(left, a), at(right, b), b));
    else if (b !== null && b > 0) joined.push(at(right, b));
  });
  return joined;
}

/** The letter as the right reading has it. That reading begins with its first letter, so it cannot show the space before it. */
function continued(inLeft: Letter, inRight: Letter, index: number): Letter {
  return { letter: inRight.letter, spaceBefore: index === 0 ? inLeft.spaceBefore : inRight.spaceBefore };
}
