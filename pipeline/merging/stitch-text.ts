// Joins two readings of one line, each of which a tile's edge has cut: "HELLO WOR" and "LO WORLD" to "HELLO WORLD". Pure.

/** Of the characters that both show, so many may be read differently: edges cut through letters. */
const MISREAD_SHARE_MAX = 1 / 4;
/** How far the number of shared characters may be from what the boxes say: letters differ in width, and boxes have margins. */
const SHARED_SLACK = 3;
/** A gap between the boxes of half a letter and more is a space. */
const SPACE_LETTERS_MIN = 0.5;
/** At each cut a letter may be read that is only a part of one. */
const CUT_LETTERS_MAX = 1;

export interface Reading {
  text: string;
  /** Pixels of the image. */
  left: number;
  right: number;
}

interface Fit {
  text: string;
  /** Letters that agree, less what speaks against it. */
  points: number;
}

/** What readings of one line say together, whatever their order; null when two that follow each other do not fit together. */
export function joinedReading(readings: readonly Reading[]): Reading | null {
  const [first, ...others] = readings.toSorted((a, b) => a.left - b.left || b.right - a.right || (a.text < b.text ? -1 : 1));
  return others.reduce<Reading | null>((line, next) => (line ? withNext(line, next) : null), first ?? null);
}

function withNext(line: Reading, next: Reading): Reading | null {
  if (next.right <= line.right) return line; // the same part of the line, seen from another row of tiles
  const letterPx = (line.right - line.left + next.right - next.left) / (line.text.length + next.text.length);
  const text = joinedText(line.text, next.text, (line.right - next.left) / letterPx);
  return text === null ? null : { text, left: line.left, right: next.right };
}

/** `sharedExpected` is the number of letters that both boxes show; where that is none, a gap between them is below 0. */
function joinedText(left: string, right: string, sharedExpected: number): string | null {
  const [leftLetters, rightLetters] = [[...left], [...right]];
  const space = sharedExpected <= -SPACE_LETTERS_MIN ? ' ' : '';
  let best: Fit | null = sharedExpected < 1 ? { text: left + space + right, points: 0 } : null;
  for (let cutLeft = 0; cutLeft <= CUT_LETTERS_MAX; cutLeft++) {
    for (let cutRight = 0; cutRight <= CUT_LETTERS_MAX; cutRight++) {
      const [before, after] = [leftLetters.slice(0, leftLetters.length - cutLeft), rightLetters.slice(cutRight)];
      const fit = bestFit(before, after, sharedExpected, cutLeft + cutRight);
      if (fit && (best === null || fit.points > best.points)) best = fit;
    }
  }
  return best?.text ?? null;
}

function bestFit(before: string[], after: string[], sharedExpected: number, lettersCut: number): Fit | null {
  let best: Fit | null = null;
  const most = Math.min(before.length, after.length, Math.floor(sharedExpected) + SHARED_SLACK);
  for (let shared = Math.max(1, Math.ceil(sharedExpected) - SHARED_SLACK); shared <= most; shared++) {
    const start = before.length - shared;
    let misread = 0;
    for (let at = 0; at < shared; at++) if (before[start + at] !== after[at]) misread++;
    const points = shared - 2 * misread - lettersCut;
    if (misread > shared * MISREAD_SHARE_MAX || points <= 0 || (best && points <= best.points)) continue;
    // Where they differ, each is right on the side away from its cut.
    const half = Math.ceil(shared / 2);
    best = { text: [...before.slice(0, start + half), ...after.slice(half)].join(''), points };
  }
  return best;
}
