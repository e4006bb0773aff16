// Knows which places the tiles that were looked at had whole, so that what they did not report there can be held against a look. Pure.
import type { Looks } from './look.ts';
import type { Plan, PlannedLevel } from './plan.ts';

/** An object that fills more of a tile has too little around it to be recognised, and may well be missed. */
const TILE_SHARE_MAX = 3 / 4;

export interface Witnesses {
  /** True when a tile of `level` had all of it in sight and was large enough for it. */
  hadWhole(at: number, level: number): boolean;
}

export function witnessesOf(looks: Looks, plan: Plan): Witnesses {
  const edgePx = plan.stridePx + 2 * plan.marginPx;
  const levels = new Map(plan.levels.map((level) => [level.level, seenOf(level, looks)]));
  return {
    hadWhole(at, level) {
      const seen = levels.get(level);
      if (!seen) return false;
      const scale = 2 ** level;
      const left = (looks.left[at] as number) / scale;
      const top = (looks.top[at] as number) / scale;
      const right = (looks.right[at] as number) / scale;
      const bottom = (looks.bottom[at] as number) / scale;
      if (Math.max(right - left, bottom - top) > edgePx * TILE_SHARE_MAX) return false;
      // A tile begins `marginPx` before its place in the grid. Of the tiles along an axis at most the last two that begin before a box hold it.
      const lastColumn = Math.min(seen.columns - 1, Math.floor((left + plan.marginPx) / plan.stridePx));
      const lastRow = Math.min(seen.rows - 1, Math.floor((top + plan.marginPx) / plan.stridePx));
      for (let row = Math.max(0, lastRow - 1); row <= lastRow; row++) {
        if (bottom > Math.min(seen.height, (row + 1) * plan.stridePx + plan.marginPx)) continue;
        for (let column = Math.max(0, lastColumn - 1); column <= lastColumn; column++) {
          if (right > Math.min(seen.width, (column + 1) * plan.stridePx + plan.marginPx)) continue;
          if (seen.tiles[row * seen.columns + column] === 1) return true;
        }
      }
      return false;
    },
  };
}

function seenOf(level: PlannedLevel, looks: Looks): PlannedLevel & { tiles: Uint8Array } {
  const seen = new Uint8Array(level.columns * level.rows);
  for (const { tile } of looks.seen) if (tile.level === level.level) seen[tile.row * level.columns + tile.column] = 1;
  return { ...level, tiles: seen };
}
