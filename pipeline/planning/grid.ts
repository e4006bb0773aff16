// The grid of tiles over an image: its levels, columns and rows, and the box of each tile. Pure.
// The grid must not know why it has this size or how its tiles are spread over executions.
import { z } from 'zod';
import { STEPS } from '../contract/protocol.ts';
import { Box } from '../contract/schemas.ts';
import type { Size } from './geometry.ts';

/** One pyramid level: the image scaled down by 2^`level`, in `columns` x `rows` tiles. */
export const PlannedLevel = z.object({
  level: z.number().int(),
  width: z.number().int(),
  height: z.number().int(),
  columns: z.number().int(),
  rows: z.number().int(),
});
export type PlannedLevel = z.infer<typeof PlannedLevel>;

export const TileGrid = z.object({
  width: z.number().int(),
  height: z.number().int(),
  /** Pixels between the left edges of neighboring tiles: the `size` of a Deep Zoom pyramid. */
  stridePx: z.number().int(),
  /** Pixels added on every inner side: the `overlap` of a Deep Zoom pyramid. Neighbors share twice this. */
  marginPx: z.number().int(),
  /** Finest first; the last level is a single tile. */
  levels: z.array(PlannedLevel).min(1),
  /** Pixels of the full image. Tiles that do not intersect the region are not part of the grid. */
  region: Box.nullable(),
});
export type TileGrid = z.infer<typeof TileGrid>;

export interface PlannedTile {
  /** Position in the plan, from 0: levels finest first, then rows, then columns. */
  index: number;
  /** Stable name of the tile's durable step. */
  name: string;
  level: number;
  row: number;
  column: number;
  /** Pixels of the tile's level. */
  boxInLevel: Box;
  /** Pixels of the upright full image. */
  box: Box;
}

/** Every tile of the grid, ordered by index. Together, the tiles of a level cover every pixel of its region. */
export function tilesOf(grid: TileGrid): PlannedTile[] {
  return tilesBetween(grid, 0, Number.POSITIVE_INFINITY);
}

/** The tiles from index `from` up to, but not including, `to`. Creates no tile outside this range. */
export function tilesBetween(grid: TileGrid, from: number, to: number): PlannedTile[] {
  const tiles: PlannedTile[] = [];
  let index = 0;
  for (const level of grid.levels) {
    const columns = positionsInRegion(level, 0, grid);
    for (const row of positionsInRegion(level, 1, grid)) {
      const rowStart = index;
      index += columns.length;
      if (index <= from) continue;
      if (rowStart >= to) return tiles;
      for (const [position, column] of columns.entries()) {
        if (rowStart + position < from || rowStart + position >= to) continue;
        const boxInLevel = tileBox(level, row, column, grid);
        tiles.push({
          index: rowStart + position,
          name: STEPS.detectTile(level.level, row, column),
          level: level.level,
          row,
          column,
          boxInLevel,
          box: boxInImage(boxInLevel, level.level, grid),
        });
      }
    }
  }
  return tiles;
}

export function tileCount(grid: TileGrid): number {
  const tilesOnLevel = (level: PlannedLevel) =>
    positionsInRegion(level, 0, grid).length * positionsInRegion(level, 1, grid).length;
  return grid.levels.reduce((sum, level) => sum + tilesOnLevel(level), 0);
}

/** Converts a box from level pixels to full-image pixels. A pixel of level n covers 2^n pixels; the last may cover fewer. */
export function boxInImage(boxInLevel: Box, level: number, image: Size): Box {
  const scale = 2 ** level;
  const left = Math.min(boxInLevel[0] * scale, image.width);
  const top = Math.min(boxInLevel[1] * scale, image.height);
  const right = Math.min((boxInLevel[0] + boxInLevel[2]) * scale, image.width);
  const bottom = Math.min((boxInLevel[1] + boxInLevel[3]) * scale, image.height);
  return [left, top, right - left, bottom - top];
}

/** All levels from full resolution to the first one that fits into a single tile. */
export function levelsOf(image: Size, stridePx: number, marginPx: number): PlannedLevel[] {
  const levels: PlannedLevel[] = [];
  for (let level = 0; ; level++) {
    const width = Math.ceil(image.width / 2 ** level);
    const height = Math.ceil(image.height / 2 ** level);
    const columns = tilesAlong(width, stridePx, marginPx);
    const rows = tilesAlong(height, stridePx, marginPx);
    levels.push({ level, width, height, columns, rows });
    if (columns * rows === 1) return levels;
  }
}

/** The number of tiles along a side. Omits a last tile that would lie inside the margin of its neighbor. */
export function tilesAlong(sidePx: number, stridePx: number, marginPx: number): number {
  return Math.max(1, Math.ceil((sidePx - marginPx) / stridePx));
}

/** Numbers of the columns (axis 0) or rows (axis 1) of a level that intersect the region. */
function positionsInRegion({ level, columns, rows }: PlannedLevel, axis: 0 | 1, grid: TileGrid): number[] {
  const { region, stridePx, marginPx } = grid;
  const count = axis === 0 ? columns : rows;
  const from = region ? region[axis] / 2 ** level : 0;
  const to = region ? (region[axis] + region[axis === 0 ? 2 : 3]) / 2 ** level : Number.POSITIVE_INFINITY;
  const first = Math.min(Math.max(0, Math.floor((from - marginPx) / stridePx)), count - 1);
  const last = Math.max(first, Math.min(count, Math.ceil((to + marginPx) / stridePx)) - 1);
  return Array.from({ length: last - first + 1 }, (_, offset) => first + offset);
}

function tileBox(level: PlannedLevel, row: number, column: number, { stridePx, marginPx }: TileGrid): Box {
  const left = Math.max(0, column * stridePx - marginPx);
  const top = Math.max(0, row * stridePx - marginPx);
  const right = Math.min(level.width, (column + 1) * stridePx + marginPx);
  const bottom = Math.min(level.height, (row + 1) * stridePx + marginPx);
  return [left, top, right - left, bottom - top];
}
