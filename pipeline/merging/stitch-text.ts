// Joins readings of one line of text that a tile edge cuts: "HELLO WOR" and "LO WORLD" become "HELLO WORLD". Pure.

/** The share of the shared characters that two readings may read differently: edges cut through letters. */
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

/** `sharedExpected`: the number of letters in both boxes; negative for a gap between them. */
function joinTexts(left: string, right: string, sharedExpected: number): string | null {
  const [leftLetters, rightLetters] = [[...left], [...right]];
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

function bestFit(before: string[], after: string[], sharedExpected: number, lettersCut: number): Fit | null {
  let best: Fit | null = null;
  const sharedMin = Math.max(1, Math.ceil(sharedExpected) - SHARED_TOLERANCE);
  const sharedMax = Math.min(before.length, after.length, Math.floor(sharedExpected) + SHARED_TOLERANCE);
  for (let shared = sharedMin; shared <= sharedMax; shared++) {
    const start = before.length - shared;
    let misread = 0;
    for (let letter = 0; letter < shared; letter++) if (before[start + letter] !== after[letter]) misread++;
    const points = shared - 2 * misread - lettersCut;
    if (misread > shared * MISREAD_SHARE_MAX || points <= 0 || (best && points <= best.points)) continue;
    // Where the readings differ, each one is right in the half away from its own cut.
    const half = Math.ceil(shared / 2);
    best = { text: [...before.slice(0, start + half), ...after.slice(half)].join(''), points };
  }
  return best;
}
