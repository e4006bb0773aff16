// Puts looks in one order, whatever order they came in: the most important first. Pure.
import type { Looks } from './look.ts';

/** A digit of the sort: a number in 65,536 steps. */
const STEPS = 2 ** 16;

/** Rows by falling `key` of 0 to 1, then from top to bottom, left to right, then by all else that tells two looks apart. */
export function byImportance(looks: Looks, rows: Int32Array, key: Float64Array): Int32Array {
  const digits = [
    digitsOf(rows, looks.left, stepsOver(looks.right, rows)),
    digitsOf(rows, looks.top, stepsOver(looks.bottom, rows)),
    digitsOf(rows, key, 1 - STEPS), // falling
  ];
  const order = sortedBy(digits, rows.length);
  const [left, top, first] = digits as [Uint16Array, Uint16Array, Uint16Array];
  const tied = (a: number, b: number) => first[a] === first[b] && top[a] === top[b] && left[a] === left[b];
  for (let from = 0, to = 1; from < order.length; from = to++) {
    while (to < order.length && tied(order[from] as number, order[to] as number)) to++;
    if (to - from > 1) order.subarray(from, to).sort((a, b) => compared(looks, rows[a] as number, rows[b] as number));
  }
  for (let place = 0; place < order.length; place++) order[place] = rows[order[place] as number] as number;
  return order;
}

/** Steps a pixel, so that the whole picture fits into STEPS. */
function stepsOver(edges: Float64Array, rows: Int32Array): number {
  let most = 1;
  for (let at = 0; at < rows.length; at++) most = Math.max(most, edges[rows[at] as number] as number);
  return (STEPS - 1) / most;
}

function digitsOf(rows: Int32Array, values: Float64Array, steps: number): Uint16Array {
  const digits = new Uint16Array(rows.length);
  const first = steps < 0 ? STEPS - 1 : 0;
  for (let at = 0; at < rows.length; at++) digits[at] = first + Math.round((values[rows[at] as number] as number) * steps);
  return digits;
}

/** Radix sort, the least digit first: a comparison sort of a million rows takes longer than all the rest of a merge. */
function sortedBy(digits: readonly Uint16Array[], count: number): Int32Array {
  let order = new Int32Array(count);
  for (let at = 0; at < count; at++) order[at] = at;
  let other = new Int32Array(count);
  const starts = new Int32Array(STEPS + 1);
  for (const digit of digits) {
    starts.fill(0);
    for (let at = 0; at < count; at++) add(starts, (digit[at] as number) + 1, 1);
    for (let value = 1; value < STEPS; value++) add(starts, value, starts[value - 1] as number);
    for (let at = 0; at < count; at++) {
      const row = order[at] as number;
      const value = digit[row] as number;
      other[starts[value] as number] = row;
      add(starts, value, 1);
    }
    [order, other] = [other, order];
  }
  return order;
}

function add(counts: Int32Array, at: number, more: number): void {
  counts[at] = (counts[at] as number) + more;
}

function compared(looks: Looks, a: number, b: number): number {
  const { weight, rank, left, top, right, bottom, level, tile, detections } = looks;
  const numbers = [rank, weight, right, bottom].map((column) => (column[b] as number) - (column[a] as number));
  const places = [top, left, level, tile].map((column) => (column[a] as number) - (column[b] as number));
  const [one, two] = [detections[a], detections[b]];
  const words = (['label', 'text', 'severity', 'description'] as const).map((word) =>
    comparedWords(one?.[word] ?? '', two?.[word] ?? ''),
  );
  return [...numbers, ...places, ...words].find((difference) => difference !== 0) ?? 0;
}

function comparedWords(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
