// Of several looks at the same object the most important one stands and takes over the others. Pure.

import type { Looks } from './detection-table.ts';
import { areaOf, INSIDE_SHARE_UNSURE, SAME_OBJECT_IOU, sharedArea } from './overlap.ts';
import { compareLooks } from './ranking.ts';
import type { Neighbours } from './spatial-index.ts';

/** Climbs begin with those that are likely to be the summit. */
const RANKS_FROM = [0.9, 0.8, 0.7, 0.6, 0.5, 0] as const;

/**
 * Non-maximum suppression, for all labels at once. Returns, two by two, rows of which one may be a part of the other.
 * Only looks that are alike decide about each other, so it climbs from any look to one that nothing alike outranks, instead of
 * going through all by rank: the outcome is the same, and what is looked up in turn lies close together in memory.
 */
export function mergeDuplicates(looks: Looks, neighbours: Neighbours): number[] {
  const { owner, rank, count } = looks;
  const settled = new Uint8Array(count);
  const alike: number[] = [];
  const inside: number[] = [];
  const pairs: number[] = [];
  let at = 0;
  const meet = (other: number): boolean => {
    const shared = other === at ? 0 : sharedArea(looks, at, other);
    if (shared === 0) return false;
    const [area, otherArea] = [areaOf(looks, at), areaOf(looks, other)];
    if (shared > SAME_OBJECT_IOU * (area + otherArea - shared)) alike.push(other);
    else if (settled[other] === 0 && shared > INSIDE_SHARE_UNSURE * Math.min(area, otherArea)) inside.push(other);
    return false;
  };
  const summitFrom = (first: number): number => {
    for (let summit = first; ; summit = at) {
      [alike.length, inside.length] = [0, 0];
      at = summit;
      neighbours.visit(summit, meet);
      for (const other of alike) if (owner[other] === other && compareLooks(looks, other, at) < 0) at = other;
      if (at === summit) return summit;
    }
  };
  for (const least of RANKS_FROM) {
    for (let first = 0; first < count; first++) {
      while (owner[first] === first && settled[first] === 0 && (rank[first] as number) >= least) {
        const summit = summitFrom(first);
        settled[summit] = 1;
        for (const other of alike) {
          settled[other] = 1;
          if (owner[other] === other || compareLooks(looks, summit, owner[other] as number) < 0) owner[other] = summit;
        }
        for (const other of inside) pairs.push(summit, other);
      }
    }
  }
  shareEvidence(looks, settled);
  return pairs;
}

/** What stands is as sure as the surest of the looks that were merged into it. */
function shareEvidence({ owner, weight, unsure, count }: Looks, settled: Uint8Array): void {
  for (let at = 0; at < count; at++) {
    const keeper = owner[at] as number;
    if (keeper === at || settled[at] === 0) continue;
    weight[keeper] = Math.max(weight[keeper] as number, weight[at] as number);
    unsure[keeper] = (unsure[keeper] as number) & (unsure[at] as number);
  }
}
