// From an image's size and the caller's wishes to levels and tiles. Pure: the same input gives the same tiles for ever.
import { z } from 'zod';
import { UserError } from '../contract/errors.ts';
import { type AnalysisRequest, Box, type Detail } from '../contract/schemas.ts';
import { intersectionOf } from './geometry.ts';

/** A hundred gigapixels of tiles of 1,000 pixels; what a deployment allows may be less. */
export const TILES_MAX = 100_000;
export const TILE_EDGE_MIN_PX = 128;
/** The largest tile that Deep Zoom writers accept is 8,192; models shrink what is over 2,000 or so. */
export const TILE_EDGE_MAX_PX = 4_096;

/** The most tiles each detail looks at, all levels counted. `max` never coarsens: it is refused above the ceiling. */
export const TILES_BY_DETAIL: Record<Detail, number> = { overview: 10, standard: 500, fine: 1_000, max: TILES_MAX };

/** A grid of 2 is the overview's quarters; 100 x 100 tiles are ten times what is looked at. */
export const GRID_MIN = 3;
export const GRID_MAX = 100;

/** How far the tile edge may leave the wanted one, so that the last row and column are no slivers. */
const EDGE_SHRINK_MAX = 0.25;
const EDGE_GROW_MAX = 0.1;
/** The share of a tile that the last row and column should have: full ones cost fewer calls, and slivers show nothing whole. */
const LAST_TILE_SHARES = [2 / 3, 1 / 3] as const;

/** One pyramid level: the image shrunk by 2 to the power of `level`, in `columns` x `rows` tiles. */
export const PlannedLevel = z.object({
  level: z.number().int(),
  width: z.number().int(),
  height: z.number().int(),
  columns: z.number().int(),
  rows: z.number().int(),
});
export type PlannedLevel = z.infer<typeof PlannedLevel>;

/** Small enough for a checkpoint; `tilesOf` spells the tiles out. */
export const Plan = z.object({
  width: z.number().int(),
  height: z.number().int(),
  /** Pixels between the left edges of neighbouring tiles: the `size` of a Deep Zoom pyramid. */
  stridePx: z.number().int(),
  /** Pixels added on every inner side: the `overlap` of a Deep Zoom pyramid. Neighbours share twice this. */
  marginPx: z.number().int(),
  /** The finest level that the pyramid holds. Coarser than the plan's own only when the caller asked for no more. */
  pyramidLevel: z.number().int(),
  /** Finest first; the last one is a single tile. */
  levels: z.array(PlannedLevel).min(1),
  /** Pixels of the full image. Tiles that do not meet it are not part of the plan. */
  region: Box.nullable(),
  notes: z.array(z.string()),
});
export type Plan = z.infer<typeof Plan>;

export interface PlannedTile {
  /** Position in the plan, from 0, levels finest first, then rows, then columns. */
  index: number;
  /** Stable name of its durable step. */
  name: string;
  level: number;
  row: number;
  column: number;
  /** Pixels of its level. */
  boxInLevel: Box;
  /** Pixels of the upright full image. */
  box: Box;
}

type Size = Pick<Plan, 'width' | 'height'>;
type TileSize = Pick<Plan, 'stridePx' | 'marginPx'>;

/** What a plan needs to know of the detection model. */
export interface TileWish {
  edgePx: number;
  overlapPx: number;
}

/**
 * Levels from the finest that fits the number of tiles up to the one that is a single tile.
 * Throws a UserError when the wishes contradict each other or the image, or need more tiles than `ceiling`.
 */
export function planTiles(image: Size, wishes: AnalysisRequest['plan'], model: TileWish, ceiling = TILES_MAX): Plan {
  const { region } = wishes;
  if (region && intersectionOf(region, [0, 0, image.width, image.height]) === 0) {
    throw new UserError(
      `Expected a region that meets the image of ${image.width} x ${image.height} pixels, got [${region.join(', ')}]. Choose one inside it.`,
    );
  }
  const grid = wishes.grid === null ? null : gridTile(image, wishes, wishes.grid, model);
  const { stridePx, marginPx } = grid ?? fittingTile(image, wantedTile(wishes, model));
  const plan: Plan = {
    ...image,
    stridePx,
    marginPx,
    pyramidLevel: 0,
    levels: levelsOf(image, stridePx, marginPx),
    region,
    notes: [],
  };
  const { most, coarsens } = tileBudget(wishes, ceiling);
  const fits = (level: number) => tileCount({ ...plan, levels: plan.levels.slice(level) }) <= most;
  const finest = plan.levels.findIndex(({ level }) => level >= (grid?.level ?? 0) && fits(level));
  if (finest > (grid?.level ?? 0) && !coarsens) {
    throw new UserError(
      `Expected at most ${most} tiles, got ${tileCount(plan)} for ${image.width} x ${image.height} pixels in full resolution. ` +
        'Choose detail fine or max_tiles, which look at a coarser level, larger tiles, or a region.',
    );
  }
  const bound = finest === grid?.level ? `grid ${wishes.grid} of tiles of at most ${TILE_EDGE_MAX_PX} pixels` : `${most} tiles`;
  const notes = finest === 0 ? [] : [`Looked at 1/${2 ** finest} of the full resolution, to stay within ${bound}.`];
  // Regions are looked at closer later, so the pyramid holds full resolution, unless the caller wanted no more than an overview.
  const pyramidLevel = wishes.detail === 'overview' ? finest : 0;
  return { ...plan, pyramidLevel, levels: plan.levels.slice(finest), notes };
}

/** How many tiles there may be, and whether a coarser level is an answer to more. */
function tileBudget({ detail, grid, max_tiles }: AnalysisRequest['plan'], ceiling: number): { most: number; coarsens: boolean } {
  const most = Math.min(grid === null ? TILES_BY_DETAIL[detail] : TILES_MAX, ceiling);
  return max_tiles === null
    ? { most, coarsens: detail !== 'max' && grid === null }
    : { most: Math.min(most, max_tiles), coarsens: true };
}

/** Every tile of the plan, in the order of their indexes. Together a level's tiles cover every pixel. */
export function tilesOf(plan: Plan): PlannedTile[] {
  return tilesBetween(plan, 0, Number.POSITIVE_INFINITY);
}

/** The tiles from index `from` up to, not including, `to`: what lies outside is not made. */
export function tilesBetween(plan: Plan, from: number, to: number): PlannedTile[] {
  const tiles: PlannedTile[] = [];
  let index = 0; // of the first tile of the row
  for (const level of plan.levels) {
    const columns = alongRegion(level, 0, plan);
    for (const row of alongRegion(level, 1, plan)) {
      const rowStart = index;
      index += columns.length;
      if (index <= from) continue;
      if (rowStart >= to) return tiles;
      for (const [position, column] of columns.entries()) {
        if (rowStart + position < from || rowStart + position >= to) continue;
        const boxInLevel = tileBox(level, row, column, plan);
        const name = `tile-${level.level}-r${row}-c${column}`;
        const box = boxInImage(boxInLevel, level.level, plan);
        tiles.push({ index: rowStart + position, name, level: level.level, row, column, boxInLevel, box });
      }
    }
  }
  return tiles;
}

/** Numbers of the columns (axis 0) or rows (axis 1) of a level that meet the region. */
function alongRegion({ level, columns, rows }: PlannedLevel, axis: 0 | 1, { region, stridePx, marginPx }: Plan): number[] {
  const count = axis === 0 ? columns : rows;
  const from = region ? region[axis] / 2 ** level : 0;
  const to = region ? (region[axis] + region[axis === 0 ? 2 : 3]) / 2 ** level : Number.POSITIVE_INFINITY;
  const first = Math.min(Math.max(0, Math.floor((from - marginPx) / stridePx)), count - 1);
  const last = Math.max(first, Math.min(count, Math.ceil((to + marginPx) / stridePx)) - 1);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** A box of a level in pixels of the full image. A pixel of level n is 2^n pixels wide; the last may be cut. */
export function boxInImage(boxInLevel: Box, level: number, image: { width: number; height: number }): Box {
  const scale = 2 ** level;
  const left = Math.min(boxInLevel[0] * scale, image.width);
  const top = Math.min(boxInLevel[1] * scale, image.height);
  const right = Math.min((boxInLevel[0] + boxInLevel[2]) * scale, image.width);
  const bottom = Math.min((boxInLevel[1] + boxInLevel[3]) * scale, image.height);
  return [left, top, right - left, bottom - top];
}

export function tileCount(plan: Plan): number {
  return plan.levels.reduce((sum, level) => sum + alongRegion(level, 0, plan).length * alongRegion(level, 1, plan).length, 0);
}

/** How many tiles a pyramid for this plan holds, those of one pixel and more that a plan leaves out included. */
export function pyramidTileCount({ width, height, stridePx, marginPx, pyramidLevel }: Plan): number {
  const levels = levelsOf({ width, height }, stridePx, marginPx).slice(pyramidLevel);
  const tiles = levels.reduce((sum, { columns, rows }) => sum + (columns + 1) * (rows + 1), 0); // Deep Zoom may add a last sliver
  return tiles + Math.ceil(Math.log2(Math.max(stridePx + 2 * marginPx, 2))) + 1;
}

function wantedTile(wishes: AnalysisRequest['plan'], model: TileWish): TileWish {
  const edgePx = wishes.tile_size ?? model.edgePx;
  if (edgePx < TILE_EDGE_MIN_PX || edgePx > TILE_EDGE_MAX_PX) {
    throw new UserError(
      `Expected tile_size from ${TILE_EDGE_MIN_PX} to ${TILE_EDGE_MAX_PX} pixels, got ${edgePx}. Choose one in that range or leave it out.`,
    );
  }
  const overlapPx = wishes.overlap ?? Math.round((model.overlapPx * edgePx) / model.edgePx);
  if (overlapPx < 0 || overlapPx > edgePx / 2) {
    throw new UserError(
      `Expected overlap from 0 to half of tile_size ${edgePx}, got ${overlapPx}. Choose a smaller overlap or a larger tile_size.`,
    );
  }
  return { edgePx, overlapPx };
}

/** Tiles of which `grid` make up the longer side, on the finest level on which they are not larger than a model sees. */
function gridTile(
  image: Size,
  { tile_size, overlap }: AnalysisRequest['plan'],
  grid: number,
  model: TileWish,
): TileSize & { level: number } {
  if (tile_size !== null) throw new UserError(`Expected tile_size or grid, got both (${tile_size} and ${grid}). Leave one out.`);
  if (grid < GRID_MIN || grid > GRID_MAX) {
    throw new UserError(`Expected grid from ${GRID_MIN} to ${GRID_MAX}, got ${grid}. Choose one in that range.`);
  }
  const tileAt = (level: number) => {
    const longerPx = Math.ceil(Math.max(image.width, image.height) / 2 ** level);
    const marginPx = Math.floor((overlap ?? ((longerPx / grid) * model.overlapPx) / model.edgePx) / 2);
    const stridePx = Math.ceil((longerPx - marginPx) / grid);
    return { level, stridePx, marginPx, edgePx: stridePx + 2 * marginPx };
  };
  let tile = tileAt(0);
  while (tile.edgePx > TILE_EDGE_MAX_PX && tile.stridePx > 1) tile = tileAt(tile.level + 1);
  if (tile.edgePx < TILE_EDGE_MIN_PX || tile.stridePx < 2 * tile.marginPx) {
    throw new UserError(
      `Expected a grid with tiles of at least ${TILE_EDGE_MIN_PX} pixels, at most half of them shared, ` +
        `got ${tile.edgePx} pixels with ${2 * tile.marginPx} shared for grid ${grid}. Choose a smaller grid or overlap.`,
    );
  }
  return tile;
}

/** The edge nearest to the wanted one whose last row and column are nearly full at full resolution, or at least no slivers. */
function fittingTile(image: Size, wanted: TileWish): TileSize {
  const marginPx = Math.floor(wanted.overlapPx / 2);
  const strideOf = (edgePx: number) => edgePx - 2 * marginPx;
  const distances = Array.from({ length: Math.floor(wanted.edgePx * EDGE_SHRINK_MAX) + 1 }, (_, distance) => distance);
  const edges = distances
    .flatMap((distance) => [wanted.edgePx + distance, wanted.edgePx - distance])
    .filter((edgePx) => edgePx <= wanted.edgePx * (1 + EDGE_GROW_MAX) && strideOf(edgePx) >= Math.max(1, 2 * marginPx));
  const hasShare = (edgePx: number, share: number) =>
    [image.width, image.height].every((side) => lastTilePx(side, strideOf(edgePx), marginPx) >= Math.min(side, edgePx * share));
  const fitting = LAST_TILE_SHARES.map((share) => edges.find((edgePx) => hasShare(edgePx, share)));
  return { stridePx: strideOf(fitting.find((edgePx) => edgePx !== undefined) ?? wanted.edgePx), marginPx };
}

function lastTilePx(sidePx: number, stridePx: number, marginPx: number): number {
  const last = tilesAlong(sidePx, stridePx, marginPx) - 1;
  return sidePx - Math.max(0, last * stridePx - marginPx);
}

/** A last tile that would lie inside its neighbour's margin is left out: the neighbour holds it whole. */
function tilesAlong(sidePx: number, stridePx: number, marginPx: number): number {
  return Math.max(1, Math.ceil((sidePx - marginPx) / stridePx));
}

function levelsOf(image: Size, stridePx: number, marginPx: number): PlannedLevel[] {
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

function tileBox(level: PlannedLevel, row: number, column: number, { stridePx, marginPx }: Plan): Box {
  const left = Math.max(0, column * stridePx - marginPx);
  const top = Math.max(0, row * stridePx - marginPx);
  const right = Math.min(level.width, (column + 1) * stridePx + marginPx);
  const bottom = Math.min(level.height, (row + 1) * stridePx + marginPx);
  return [left, top, right - left, bottom - top];
}
