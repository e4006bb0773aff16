// Aligns readings of text letter by letter. Spaces are free: models drop and add them more often than letters. Pure.
import { at } from '../../contract/at.ts';

export interface Letter {
  letter: string;
  spaceBefore: boolean;
}

/** Positions of one letter in two readings; `null` in the reading that lacks it. */
type Column = readonly [a: number | null, b: number | null];

export interface Alignment {
  columns: readonly Column[];
  /** Columns that are not two equal letters. */
  edits: number;
  /** Equal letters minus edits. */
  points: number;
}

export function lettersOf(text: string): Letter[] {
  const letters: Letter[] = [];
  let spaceBefore = false;
  for (const letter of text) {
    if (letter.trim() === '') spaceBefore = true;
    else {
      letters.push({ letter, spaceBefore });
      spaceBefore = false;
    }
  }
  return letters;
}

export function textOf(letters: readonly Letter[]): string {
  return letters.map(({ letter, spaceBefore }, index) => (spaceBefore && index > 0 ? ` ${letter}` : letter)).join('');
}

/** The accepted alignment of all of `a` with some start of `b` that has the most points; `null` if none has any. */
export function bestAlignment(
  a: readonly Letter[],
  b: readonly Letter[],
  isAccepted: (alignment: Alignment) => boolean,
): Alignment | null {
  const points = pointsTable(a, b);
  const ends = at(points, a.length).map((value, end) => ({ value, end }));
  for (const { end } of ends.toSorted((one, other) => other.value - one.value || one.end - other.end)) {
    const alignment = trace(points, a, b, end);
    if (alignment.points <= 0) return null;
    if (isAccepted(alignment)) return alignment;
  }
  return null;
}

/** The most points of each start of `a` aligned with each start of `b`. */
function pointsTable(a: readonly Letter[], b: readonly Letter[]): number[][] {
  const table: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => -column)];
  for (let row = 1; row <= a.length; row++) {
    const above = at(table, row - 1);
    const points = [-row];
    for (let column = 1; column <= b.length; column++) {
      const both = at(above, column - 1) + pairPoints(a, b, row, column);
      points.push(Math.max(both, at(above, column) - 1, at(points, column - 1) - 1));
    }
    table.push(points);
  }
  return table;
}

function pairPoints(a: readonly Letter[], b: readonly Letter[], row: number, column: number): number {
  return at(a, row - 1).letter === at(b, column - 1).letter ? 1 : -1;
}

function trace(table: readonly number[][], a: readonly Letter[], b: readonly Letter[], end: number): Alignment {
  const columns: Column[] = [];
  let edits = 0;
  let [row, column] = [a.length, end];
  while (row > 0 || column > 0) {
    const points = at(at(table, row), column);
    const pair = row > 0 && column > 0 ? pairPoints(a, b, row, column) : 0;
    if (pair !== 0 && at(at(table, row - 1), column - 1) + pair === points) {
      columns.push([--row, --column]);
      if (pair < 0) edits++;
    } else {
      columns.push(row > 0 && at(at(table, row - 1), column) - 1 === points ? [--row, null] : [null, --column]);
      edits++;
    }
  }
  return { columns: columns.reverse(), edits, points: at(at(table, a.length), end) };
}
