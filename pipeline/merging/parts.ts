// Decides between a large box and what lies inside it: an object and its parts, or a box around a group. Pure.

import type { Looks } from './detection-table.ts';
import { areaOf, INSIDE_SHARE, INSIDE_SHARE_UNSURE, liesInside } from './overlap.ts';
import { compareLooks } from './ranking.ts';

/** So many sure objects inside one box, none of them much less sure than it, make the box a group of them and not their whole. */
const GROUP_MEMBERS_MIN = 3;
const GROUP_MEMBER_WEIGHT_SHARE = 0.8;

/**
 * A large object seen whole takes over its parts and their parts; several whole objects beat the box around them, and a sure look an
 * unsure one. `pairs` holds rows two by two.
 */
export function mergeParts(looks: Looks, pairs: readonly number[]): void {
  const isSmaller = (a: number, b: number) => areaOf(looks, a) - areaOf(looks, b) || compareLooks(looks, b, a);
  const insideOf = new Map<number, number[]>();
  for (let pair = 0; pair < pairs.length; pair += 2) {
    const [a, b] = [pairs[pair] as number, pairs[pair + 1] as number];
    const [small, large] = isSmaller(a, b) < 0 ? [a, b] : [b, a];
    if (!stands(looks, small) || !stands(looks, large) || !isPart(looks, small, large)) continue;
    const inside = insideOf.get(large);
    if (inside) inside.push(small);
    else insideOf.set(large, [small]);
  }
  for (const large of [...insideOf.keys()].sort((a, b) => isSmaller(b, a))) {
    if (!stands(looks, large)) continue;
    const parts = (insideOf.get(large) ?? []).filter((part) => stands(looks, part));
    const better = betterThan(looks, parts, large);
    if (better.length > 0) looks.owner[large] = better.reduce((a, b) => (compareLooks(looks, a, b) < 0 ? a : b));
    else takeOver(looks, large, parts, insideOf);
  }
}

function stands({ owner }: Looks, at: number): boolean {
  return owner[at] === at;
}

function isPart(looks: Looks, small: number, large: number): boolean {
  const isGuess = looks.unsure[small] === 1 && looks.unsure[large] === 0;
  return liesInside(looks, small, large, isGuess ? INSIDE_SHARE_UNSURE : INSIDE_SHARE);
}

/** The looks inside `large` that show it to be a group, or no more than a guess; none when it is an object of its own. */
function betterThan({ unsure, weight }: Looks, parts: readonly number[], large: number): number[] {
  const sure = parts.filter((part) => unsure[part] === 0);
  if (unsure[large] === 1) return sure;
  const members = sure.filter((part) => (weight[part] as number) >= (weight[large] as number) * GROUP_MEMBER_WEIGHT_SHARE);
  return members.length >= GROUP_MEMBERS_MIN ? members : [];
}

function takeOver(looks: Looks, large: number, parts: number[], insideOf: ReadonlyMap<number, number[]>): void {
  for (const part of parts) looks.owner[part] = large;
  for (const part of parts) {
    for (const small of insideOf.get(part) ?? []) {
      if (!stands(looks, small)) continue;
      looks.owner[small] = large; // a part of a part is a part: it joins the walk
      parts.push(small);
    }
  }
}
