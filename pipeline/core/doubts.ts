// Weighs looks by what other tiles showed of the same place: a look that those with as good a view contradict is doubted. Pure.
import type { Looks } from './look.ts';
import type { Neighbours } from './neighbours.ts';
import { areAlike, INSIDE_SHARE, liesInside } from './overlap.ts';
import type { Plan } from './plan.ts';
import type { Witnesses } from './witnesses.ts';

/** What a doubt leaves of a score. */
const DOUBT_WEIGHT = 1 / 2;
/** An object over half a tile long is over a quarter of one on the next level, the size at which detectors see best. */
const COARSER_FROM_TILE_SHARE = 1 / 2;
/** A line of text is legible on the next level when it is this high: 40 px of a tile of 640. */
const COARSER_FROM_TILE_SHARE_TEXT = 1 / 16;

/**
 * Sets weight, rank and `unsure` of every look. A look is doubted when it is cut; when a finer tile had its place whole and showed
 * nothing like it, and no part of it; and when it fills so much of its tile that a coarser level should show it, but none does.
 */
export function weigh(looks: Looks, neighbours: Neighbours, witnesses: Witnesses, plan: Plan): void {
  const coarsest = plan.levels.at(-1)?.level ?? 0;
  const { level, cut, weight, rank, unsure, owner } = looks;
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
      isLarge = here < coarsest && fillsTile(looks, at, tileEdgePx);
      finer = finerWhole = coarser = false;
      if (finerHadIt || isLarge) neighbours.visit(at, meet);
      refuted[at] = finerHadIt && !finer ? 1 : 0;
      const doubts = (cut[at] === 0 ? 0 : 1) + (refuted[at] as number) + (isLarge && !coarser ? 1 : 0);
      const isShownBetter = (finerHadIt && finerWhole) || isUnionOfThings(looks, at);
      for (let doubt = 0; doubt < doubts; doubt++) weight[at] = (weight[at] as number) * DOUBT_WEIGHT;
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

function fillsTile({ isText, left, top, right, bottom }: Looks, at: number, tileEdgePx: number): boolean {
  const width = (right[at] as number) - (left[at] as number);
  const height = (bottom[at] as number) - (top[at] as number);
  return isText[at] === 0
    ? Math.max(width, height) >= tileEdgePx * COARSER_FROM_TILE_SHARE
    : Math.min(width, height) >= tileEdgePx * COARSER_FROM_TILE_SHARE_TEXT;
}
