// Weighs looks by what other tiles showed of the same place: a look that those with as good a view contradict is doubted. Pure.

import type { Plan } from '../planning/plan.ts';
import type { Witnesses } from './coverage.ts';
import type { Looks } from './detection-table.ts';
import { areAlike, INSIDE_SHARE, liesInside } from './overlap.ts';
import type { Neighbours } from './spatial-index.ts';

/** What a doubt leaves of a score. */
const DOUBT_WEIGHT = 1 / 2;
/** On a coarser level a thing is seen whose longer side is still a quarter of a tile there, the size at which detectors see best. */
const THING_TILE_SHARE = 1 / 4;
/** A line of text is legible when it is this high: 20 px of a tile of 640. */
const TEXT_TILE_SHARE = 1 / 32;

/**
 * Sets weight, rank and `unsure` of every look. It is a doubt when a finer tile had the place whole and showed nothing like it, and no
 * part of it; and when nobody shows it whole: it is cut, or it is so large that a coarser level should show it, one doubt a level,
 * and none does. Of a union each of the two surest parts is doubted alike, and counts as a witness of its own.
 */
export function weigh(looks: Looks, neighbours: Neighbours, witnesses: Witnesses, plan: Plan): void {
  const coarsest = plan.levels.at(-1)?.level ?? 0;
  const { level, cut, weight, second, rank, unsure, owner } = looks;
  const refuted = new Uint8Array(looks.count); // a finer tile had it whole and showed nothing of it
  let at = 0;
  let isLarge = false;
  let [finer, finerWhole, coarser] = [false, false, false];
  const meet = (other: number): boolean => {
    const deeper = (level[other] as number) - (level[at] as number);
    if (deeper === 0 || refuted[other] === 1) return false;
    const isAlike = areAlike(looks, at, other);
    if (deeper > 0) coarser ||= isAlike;
    else {
      finer ||= isAlike || (isPart(looks, other, at) && !witnesses.hadWhole(at, level[other] as number));
      finerWhole ||= isAlike && cut[other] === 0 && !isUnionOfThings(looks, other);
    }
    return finerWhole && (coarser || !isLarge);
  };
  for (const { level: here } of plan.levels) {
    const tileEdgePx = (plan.stridePx + 2 * plan.marginPx) * 2 ** here;
    for (at = 0; at < looks.count; at++) {
      if (level[at] !== here || owner[at] !== at) continue;
      const finerHadIt = witnesses.hadWhole(at, here - 1);
      const coarserLevels = Math.min(coarsest - here, levelsUp(looks, at, tileEdgePx));
      isLarge = coarserLevels > 0;
      finer = finerWhole = coarser = false;
      if (finerHadIt || isLarge) neighbours.visit(at, meet);
      refuted[at] = finerHadIt && !finer ? 1 : 0;
      const silent = coarser ? 0 : coarserLevels;
      const doubts = Math.max(cut[at] === 0 ? 0 : 1, silent) + (refuted[at] as number);
      const share = DOUBT_WEIGHT ** doubts;
      weight[at] = 1 - (1 - share * (weight[at] as number)) * (1 - share * (second[at] as number));
      const isShownBetter = (finerHadIt && finerWhole) || isUnionOfThings(looks, at);
      rank[at] = (weight[at] as number) * (isShownBetter ? DOUBT_WEIGHT : 1);
      unsure[at] = doubts > 0 || isShownBetter ? 1 : 0;
    }
  }
}

/** What was put together is a worse witness than a look at the whole, but of a line of text a finer reading is a better one. */
function isUnionOfThings({ reported, isText }: Looks, at: number): boolean {
  return at >= reported && isText[at] === 0;
}

/** What is cut off a thing that reaches beyond a tile. */
function isPart(looks: Looks, small: number, large: number): boolean {
  return looks.cut[small] !== 0 && looks.isText[small] === 0 && liesInside(looks, small, large, INSIDE_SHARE);
}

/** On how many coarser levels the look should still be seen. */
function levelsUp({ isText, left, top, right, bottom }: Looks, at: number, tileEdgePx: number): number {
  const width = (right[at] as number) - (left[at] as number);
  const height = (bottom[at] as number) - (top[at] as number);
  const times =
    isText[at] === 0
      ? Math.max(width, height) / (tileEdgePx * THING_TILE_SHARE)
      : Math.min(width, height) / (tileEdgePx * TEXT_TILE_SHARE);
  return times < 2 ? 0 : Math.floor(Math.log2(times));
}
