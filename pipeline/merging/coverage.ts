// Knows which areas were analyzed at which level: a tile that covered an object but did not detect it is evidence against it. Pure.
import { type PlannedLevel, type TileGrid, tilesOf } from '../planning/grid.ts';
import type { DetectionTable } from './detection-table.ts';

/** An object that fills more of a tile has too little context around it, so the model may miss it. */
const TILE_SHARE_MAX = 3 / 4;

export interface Coverage {
  /** True if one analyzed tile of `level` contains the whole box, and is large enough for the model to recognize it. */
  covers(row: number, level: number): boolean;
}

/** `notAnalyzed` holds the indexes of tiles that could not be analyzed. */
export function coverageOf(table: DetectionTable, grid: TileGrid, notAnalyzed: readonly number[]): Coverage {
  const { stridePx, marginPx } = grid;
  const sideMaxPx = (stridePx + 2 * marginPx) * TILE_SHARE_MAX;
  const levels = analyzedLevels(grid, new Set(notAnalyzed));
  return {
    covers(row, level) {
      const analyzed = levels.get(level);
      if (!analyzed) return false;
      const scale = 2 ** level;
      const left = table.left(row) / scale;
      const top = table.top(row) / scale;
      const right = table.right(row) / scale;
      const bottom = table.bottom(row) / scale;
      if (Math.max(right - left, bottom - top) > sideMaxPx) return false;
      // A tile starts `marginPx` before its grid cell. So along each axis, only the last two tiles that start before the box can contain it.
      const lastColumn = Math.min(analyzed.columns - 1, Math.floor((left + marginPx) / stridePx));
      const lastRow = Math.min(analyzed.rows - 1, Math.floor((top + marginPx) / stridePx));
      for (let tileRow = Math.max(0, lastRow - 1); tileRow <= lastRow; tileRow++) {
        if (bottom > Math.min(analyzed.height, (tileRow + 1) * stridePx + marginPx)) continue;
        for (let column = Math.max(0, lastColumn - 1); column <= lastColumn; column++) {
          if (right > Math.min(analyzed.width, (column + 1) * stridePx + marginPx)) continue;
          if (analyzed.tiles[tileRow * analyzed.columns + column] === 1) return true;
        }
      }
      return false;
    },
  };
}

interface AnalyzedLevel extends PlannedLevel {
  /** 1 for every analyzed tile, row by row. */
  tiles: Uint8Array;
}

function analyzedLevels(grid: TileGrid, notAnalyzed: ReadonlySet<number>): Map<number, AnalyzedLevel> {
  const levels = new Map<number, AnalyzedLevel>();
  let indexOffset = 0;
  for (const level of grid.levels) {
    const planned = tilesOf({ ...grid, levels: [level] });
    const tiles = new Uint8Array(level.columns * level.rows);
    for (const { index, row, column } of planned) {
      if (!notAnalyzed.has(indexOffset + index)) tiles[row * level.columns + column] = 1;
    }
    indexOffset += planned.length;
    levels.set(level.level, { ...level, tiles });
  }
  return levels;
}
