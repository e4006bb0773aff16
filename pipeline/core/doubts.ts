// Weighs looks by what other tiles showed of the same place: a look that those with as good a view contradict is doubted. Pure.
import { areaAt, type Looks, sharedAt } from './look.ts';
import type { Neighbours } from './neighbours.ts';
import type { Plan } from './plan.ts';
import type { Witnesses } from './witnesses.ts';

/** Two boxes of one label that share more than half are one object: the field's usual threshold for a match. */
export const SAME_OBJECT_IOU = 0.5;
/** What a doubt leaves of a score. */
const DOUBT_WEIGHT = 1 / 2;
/** An object over half a tile long is over a quarter of one on the next level, the size at which detectors see best. */
const COARSER_FROM_TILE_SHARE = 1 / 2;
/** A line of text is legible on the next level when it is this high: 40 px of a tile of 640. */
const COARSER_FROM_TILE_SHARE_TEXT = 1 / 16;

/**
 * Sets weight, rank and `unsure` of every look. A look is doubted when it is cut; when a finer tile had its place whole and showed
 * nothing like it; and when it fills so much of its tile that a coarser level should show it, but none does.
 */
export function weigh(looks: Looks, neighbours: Neighbours, witnesses: Witnesses, plan: Plan): void {
  const coarsest = plan.levels.at(-1)?.level ?? 0;
  const edgePx = plan.stridePx + 2 * plan.marginPx;
  const refuted = new Uint8Array(looks.count); // a finer tile had it whole and showed nothing like it
  const { detections, level, cut, owner } = looks;
  let [finer, finerWhole, coarser] = [false, false, false];
  let at = 0;
  const meet = (other: number): void => {
    const deeper = (level[other] as number) - (level[at] as number);
    if (deeper === 0 || !alike(looks, at, other)) return;
    if (deeper > 0) coarser = true;
    else if (refuted[other] === 0) {
      finer = true;
      finerWhole ||= cut[other] === 0 && !isUnionOfThings(looks, other);
    }
  };
  for (const { level: here } of plan.levels) {
    for (at = 0; at < looks.count; at++) {
      if (level[at] !== here || owner[at] !== at) continue;
      const finerHadIt = witnesses.hadWhole(at, here - 1);
      const isLarge = here < coarsest && fillsTile(looks, at, edgePx * 2 ** here);
      [finer, finerWhole, coarser] = [false, false, false];
      if (finerHadIt || isLarge) neighbours.visit(at, meet);
      refuted[at] = finerHadIt && !finer ? 1 : 0;
      const doubts = (cut[at] === 0 ? 0 : 1) + (refuted[at] as number) + (isLarge && !coarser ? 1 : 0);
      const isShownBetter = (finerHadIt && finerWhole) || isUnionOfThings(looks, at);
      looks.weight[at] = (detections[at]?.score ?? 0) * DOUBT_WEIGHT ** doubts;
      looks.rank[at] = (looks.weight[at] as number) * (isShownBetter ? DOUBT_WEIGHT : 1);
      looks.unsure[at] = doubts > 0 || isShownBetter ? 1 : 0;
    }
  }
}

/** What was put together is a worse witness than a look at the whole, but of a line of text a finer reading is a better one. */
function isUnionOfThings({ reported, detections }: Looks, at: number): boolean {
  return at >= reported && detections[at]?.text === null;
}

function alike(looks: Looks, a: number, b: number): boolean {
  const shared = sharedAt(looks, a, b);
  return shared > 0 && shared > SAME_OBJECT_IOU * (areaAt(looks, a) + areaAt(looks, b) - shared);
}

function fillsTile({ detections, left, top, right, bottom }: Looks, at: number, tileEdgePx: number): boolean {
  const width = (right[at] as number) - (left[at] as number);
  const height = (bottom[at] as number) - (top[at] as number);
  return detections[at]?.text == null
    ? Math.max(width, height) >= tileEdgePx * COARSER_FROM_TILE_SHARE
    : Math.min(width, height) >= tileEdgePx * COARSER_FROM_TILE_SHARE_TEXT;
}
