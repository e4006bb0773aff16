// Sorts rows by score in linear time: sorting a million rows by comparison takes longer than the merge. Pure.
import { cell } from './box-columns.ts';
import type { DetectionTable } from './detection-table.ts';

/** A sort key has 16 bits. */
const KEY_MAX = 2 ** 16 - 1;

/** The precision of a finding's score. */
export const SCORE_STEPS = 1_000;

/** Rows by falling score, then top to bottom, left to right; equal keys as `compare` ranks the rows. */
export function sortByScore(table: DetectionTable, rows: Int32Array): Int32Array {
  const keysPerPxAcross = KEY_MAX / largestOf(rows, (row) => table.right(row));
  const keysPerPxDown = KEY_MAX / largestOf(rows, (row) => table.bottom(row));
  const leftKeys = rows.map((row) => Math.round(table.left(row) * keysPerPxAcross));
  const topKeys = rows.map((row) => Math.round(table.top(row) * keysPerPxDown));
  const scoreKeys = rows.map((row) => SCORE_STEPS + Math.round(-SCORE_STEPS * table.score(row)));
  // A radix sort: each pass is stable, so the last key counts most.
  const positions = rows.map((_, position) => position);
  const order = sortedByKey(sortedByKey(sortedByKey(positions, leftKeys), topKeys), scoreKeys);
  const isTie = (a: number, b: number) =>
    scoreKeys[a] === scoreKeys[b] && topKeys[a] === topKeys[b] && leftKeys[a] === leftKeys[b];
  for (let from = 0, to = 1; from < order.length; from = to++) {
    while (to < order.length && isTie(cell(order, from), cell(order, to))) to++;
    if (to - from > 1) order.subarray(from, to).sort((a, b) => table.compare(cell(rows, a), cell(rows, b)));
  }
  return order.map((position) => cell(rows, position));
}

function largestOf(rows: Int32Array, edgeOf: (row: number) => number): number {
  return rows.reduce((largest, row) => Math.max(largest, edgeOf(row)), 1);
}

/** Positions by rising key; positions with equal keys keep their order. */
function sortedByKey(positions: Int32Array, keys: Int32Array): Int32Array {
  const starts = new Int32Array(KEY_MAX + 2); // the place in the result where each key begins
  for (const key of keys) starts[key + 1] = cell(starts, key + 1) + 1;
  for (let key = 1; key <= KEY_MAX; key++) starts[key] = cell(starts, key) + cell(starts, key - 1);
  const sorted = new Int32Array(positions.length);
  for (const position of positions) {
    const key = cell(keys, position);
    const place = cell(starts, key);
    sorted[place] = position;
    starts[key] = place + 1;
  }
  return sorted;
}
