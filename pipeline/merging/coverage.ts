// Knows which places the tiles that were looked at had whole: what they do not report there speaks against a look. Pure.

import { tilesOf } from '../planning/grid.ts';
import type { Plan } from '../planning/plan.ts';
import type { Looks } from './detection-table.ts';

/** An object that fills more of a tile has too little around it to be recognised, and may well be missed. */
const TILE_SHARE_MAX = 3 / 4;

export interface Witnesses {
  /** True when a tile of `level` had all of it in sight and was large enough for it. */
  hadWhole(at: number, level: number): boolean;
}

/** `unseen` holds indexes of tiles of the plan that nobody could look at. */
export function witnessesOf(looks: Looks, plan: Plan, unseen: readonly number[]): Witnesses {
  const edgePx = plan.stridePx + 2 * plan.marginPx;
  const levels = new Map(
    plan.levels.map((level) => [level.level, { ...level, seen: new Uint8Array(level.columns * level.rows) }]),
  );
  const gaps = new Set(unseen);
  for (const { index, level, row, column } of tilesOf(plan)) {
    const planned = levels.get(level);
    if (planned && !gaps.has(index)) planned.seen[row * planned.columns + column] = 1;
  }
  return {
    hadWhole(at, level) {
      const planned = levels.get(level);
      if (!planned) return false;
      const scale = 2 ** level;
      const left = (looks.left[at] as number) / scale;
      const top = (looks.top[at] as number) / scale;
      const right = (looks.right[at] as number) / scale;
      const bottom = (looks.bottom[at] as number) / scale;
      if (Math.max(right - left, bottom - top) > edgePx * TILE_SHARE_MAX) return false;
      // A tile begins `marginPx` before its place in the grid. Of the tiles along an axis at most the last two that begin before a box hold it.
      const lastColumn = Math.min(planned.columns - 1, Math.floor((left + plan.marginPx) / plan.stridePx));
      const lastRow = Math.min(planned.rows - 1, Math.floor((top + plan.marginPx) / plan.stridePx));
      for (let row = Math.max(0, lastRow - 1); row <= lastRow; row++) {
        if (bottom > Math.min(planned.height, (row + 1) * plan.stridePx + plan.marginPx)) continue;
        for (let column = Math.max(0, lastColumn - 1); column <= lastColumn; column++) {
          if (right > Math.min(planned.width, (column + 1) * plan.stridePx + plan.marginPx)) continue;
          if (planned.seen[row * planned.columns + column] === 1) return true;
        }
      }
      return false;
    },
  };
}
