// Which of two looks counts for more, and all of them in that order, whatever order they came in. Pure.
import { detectionOf, type Looks } from './detection-table.ts';

/** A digit of the sort: a number in 65,536 steps. */
const STEPS = 2 ** 16;

/** As fine as a finding's score is written. */
export const SCORE_STEPS = 1_000;

/** Below 0 when `a` comes first: by rank, then from top to bottom, left to right, then by all else that tells two looks apart. */
export function compareLooks(looks: Looks, a: number, b: number): number {
  const { rank, top, left } = looks;
  return (
    (rank[b] as number) - (rank[a] as number) ||
    (top[a] as number) - (top[b] as number) ||
    (left[a] as number) - (left[b] as number) ||
    compareRest(looks, a, b)
  );
}

/** Rows by falling score, then from top to bottom, left to right; in n, as a comparison sort of a million is slower than the merge. */
export function sortByScore(looks: Looks, rows: Int32Array): Int32Array {
  const digits = [
    digitsOf(rows, looks.left, stepsOver(looks.right, rows)),
    digitsOf(rows, looks.top, stepsOver(looks.bottom, rows)),
    digitsOf(rows, looks.weight, -SCORE_STEPS), // falling
  ] as const;
  const order = radixSorted(digits, rows.length);
  const tied = (a: number, b: number) => digits.every((digit) => digit[a] === digit[b]);
  for (let from = 0, to = 1; from < order.length; from = to++) {
    while (to < order.length && tied(order[from] as number, order[to] as number)) to++;
    if (to - from > 1) order.subarray(from, to).sort((a, b) => compareLooks(looks, rows[a] as number, rows[b] as number));
  }
  return order.map((at) => rows[at] as number);
}

function compareRest(looks: Looks, a: number, b: number): number {
  const { right, bottom, weight, level, tile } = looks;
  const falling = [right, bottom, weight].map((column) => (column[b] as number) - (column[a] as number));
  const rising = [level, tile].map((column) => (column[a] as number) - (column[b] as number));
  const [one, two] = [detectionOf(looks, a), detectionOf(looks, b)];
  const words = (['label', 'text', 'severity', 'description'] as const).map((word) => compareWords(one[word], two[word]));
  return [...falling, ...rising, ...words].find((difference) => difference !== 0) ?? 0;
}

function compareWords(a: string | null, b: string | null): number {
  return a === b ? 0 : (a ?? '') < (b ?? '') ? -1 : 1;
}

/** Steps a pixel, so that the whole image fits into STEPS. */
function stepsOver(edges: Float32Array, rows: Int32Array): number {
  let most = 1;
  for (let at = 0; at < rows.length; at++) most = Math.max(most, edges[rows[at] as number] as number);
  return (STEPS - 1) / most;
}

function digitsOf(rows: Int32Array, values: Float32Array, steps: number): Uint16Array {
  const digits = new Uint16Array(rows.length);
  const first = steps < 0 ? SCORE_STEPS : 0;
  for (let at = 0; at < rows.length; at++) digits[at] = first + Math.round((values[rows[at] as number] as number) * steps);
  return digits;
}

/** Places in `digits`, by the last digit first; stable, so that the digits before it decide between equals. */
function radixSorted(digits: readonly Uint16Array[], count: number): Int32Array {
  let order = new Int32Array(count);
  for (let at = 0; at < count; at++) order[at] = at;
  let next = new Int32Array(count);
  for (const digit of digits) {
    const starts = new Int32Array(STEPS + 1);
    for (let at = 0; at < count; at++) add(starts, (digit[at] as number) + 1, 1);
    for (let value = 1; value < STEPS; value++) add(starts, value, starts[value - 1] as number);
    for (let at = 0; at < count; at++) {
      const row = order[at] as number;
      const value = digit[row] as number;
      next[starts[value] as number] = row;
      add(starts, value, 1);
    }
    [order, next] = [next, order];
  }
  return order;
}

function add(counts: Int32Array, at: number, more: number): void {
  counts[at] = (counts[at] as number) + more;
}
