// Decides between a large box and the boxes inside it: an object with its parts, or a box around a group of objects. Pure.
import { type DetectionTable, IOS_THRESHOLD, IOS_THRESHOLD_LOW_CONFIDENCE } from './detection-table.ts';
import type { NestedPair } from './nms.ts';

/** A box with at least this many confident objects inside is a group, if none of them scores much lower than the box. */
const GROUP_MEMBERS_MIN = 3;
const GROUP_MEMBER_SCORE_SHARE = 0.8;

/**
 * Merges parts into their object, and the parts of parts. If the boxes inside show that the large box is a group or a low-confidence
 * guess, merges the large box into the best of them instead.
 */
export function mergeParts(table: DetectionTable, nestedPairs: readonly NestedPair[]): void {
  const compareSize = (a: number, b: number) => table.area(a) - table.area(b) || table.compare(b, a);
  const partsByRow = new Map<number, number[]>();
  for (const [a, b] of nestedPairs) {
    const [small, large] = compareSize(a, b) < 0 ? [a, b] : [b, a];
    if (table.isMerged(small) || table.isMerged(large) || !isPart(table, small, large)) continue;
    const parts = partsByRow.get(large);
    if (parts) parts.push(small);
    else partsByRow.set(large, [small]);
  }
  const largestFirst = [...partsByRow].sort(([a], [b]) => compareSize(b, a));
  for (const [large, nested] of largestFirst) {
    if (table.isMerged(large)) continue;
    const parts = nested.filter((part) => !table.isMerged(part));
    const winners = partsThatWin(table, parts, large);
    if (winners.length > 0)
      table.mergeInto(
        large,
        winners.reduce((a, b) => (table.compare(a, b) < 0 ? a : b)),
      );
    else mergeAll(table, parts, large, partsByRow);
  }
}

function isPart(table: DetectionTable, small: number, large: number): boolean {
  const isInexact = table.lowConfidence(small) && !table.lowConfidence(large);
  return table.isInside(small, large, isInexact ? IOS_THRESHOLD_LOW_CONFIDENCE : IOS_THRESHOLD);
}

/** The parts that show `large` to be a group or a guess; none if it is an object of its own. */
function partsThatWin(table: DetectionTable, parts: readonly number[], large: number): number[] {
  const confident = parts.filter((part) => !table.lowConfidence(part));
  if (table.lowConfidence(large)) return confident;
  const members = confident.filter((part) => table.score(part) >= table.score(large) * GROUP_MEMBER_SCORE_SHARE);
  return members.length >= GROUP_MEMBERS_MIN ? members : [];
}

function mergeAll(table: DetectionTable, parts: number[], large: number, partsByRow: ReadonlyMap<number, number[]>): void {
  for (const part of parts) table.mergeInto(part, large);
  for (const part of parts) {
    for (const partOfPart of partsByRow.get(part) ?? []) {
      if (table.isMerged(partOfPart)) continue;
      table.mergeInto(partOfPart, large);
      parts.push(partOfPart); // its own parts follow
    }
  }
}
