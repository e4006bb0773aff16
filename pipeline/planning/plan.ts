// Plans an analysis: turns the image size and the request into levels and tiles. Pure: equal input always gives equal tiles.
import { z } from 'zod';
import { UserError } from '../contract/errors.ts';
import type { AnalysisRequest, Box, Detail } from '../contract/schemas.ts';
import { clippedTo, intersectionOf, type Size } from './geometry.ts';
import { levelsOf, TileGrid, tileCount } from './grid.ts';
import { adjustedTileSize, gridTileSize, type PreferredTile, TILE_EDGE_MAX_PX } from './tile-size.ts';

/** A hundred gigapixels in tiles of 1,000 pixels. A deployment may allow fewer. */
export const TILES_MAX = 100_000;

/** The most tiles that each detail analyzes, all levels counted. `max` always uses full resolution: larger plans are refused. */
export const TILES_BY_DETAIL: Record<Detail, number> = { overview: 10, standard: 500, fine: 1_000, max: TILES_MAX };

/** Small enough for a checkpoint. `tilesOf` lists the tiles. */
export const Plan = z.object({
  ...TileGrid.shape,
  /** The finest level that the pyramid holds. Coarser than 0 only for `overview`, which needs no full resolution. */
  pyramidLevel: z.number().int(),
  /** How the request was understood, one sentence each. */
  notes: z.array(z.string()),
});
export type Plan = z.infer<typeof Plan>;

/** The plan with what a later step has learned about the image. */
export function withNotes(plan: Plan, notes: readonly string[]): Plan {
  return { ...plan, notes: [...plan.notes, ...notes] };
}

/**
 * Uses all levels from the finest one that stays within the tile limit up to the one that is a single tile.
 * Throws a UserError if the request contradicts itself or the image, or needs more tiles than `tilesMax`.
 */
export function planTiles(image: Size, request: AnalysisRequest['plan'], preferred: PreferredTile, tilesMax = TILES_MAX): Plan {
  const { region } = request;
  if (region && intersectionOf(region, [0, 0, image.width, image.height]) === 0) {
    throw new UserError(
      `The region [${region.join(', ')}] lies outside the image (${image.width} x ${image.height} pixels). ` +
        'Choose a region that overlaps the image.',
    );
  }
  const gridTile = request.grid === null ? null : gridTileSize(image, request, request.grid, preferred);
  const { stridePx, marginPx } = gridTile ?? adjustedTileSize(image, request, preferred);
  const grid: TileGrid = {
    width: image.width,
    height: image.height,
    stridePx,
    marginPx,
    levels: levelsOf(image, stridePx, marginPx),
    region,
  };
  const limit = tileLimit(request, tilesMax);
  const levelMin = gridTile?.level ?? 0;
  const isWithinLimit = (level: number) => tileCount({ ...grid, levels: grid.levels.slice(level) }) <= limit.tiles;
  const finest = grid.levels.findIndex(({ level }) => level >= levelMin && isWithinLimit(level));
  if (finest > levelMin && !limit.allowsCoarser) {
    throw new UserError(
      `The image (${image.width} x ${image.height} pixels) needs ${tileCount(grid)} tiles at full resolution; ` +
        `at most ${limit.tiles} are allowed. Use detail fine or max_tiles to analyze a coarser level, larger tiles, or a region.`,
    );
  }
  const bound =
    finest === gridTile?.level
      ? `keep the tiles of grid ${request.grid} within ${TILE_EDGE_MAX_PX} pixels`
      : `stay within ${limit.tiles} tiles`;
  return {
    ...grid,
    levels: grid.levels.slice(finest),
    // Later requests view regions at full resolution, so the pyramid holds it unless the caller asked for an overview only.
    pyramidLevel: request.detail === 'overview' ? finest : 0,
    notes: [
      ...(region ? [regionNote(region, image)] : []),
      ...(finest === 0 ? [] : [`The analysis uses 1/${2 ** finest} of the full resolution to ${bound}.`]),
    ],
  };
}

/** Without it, a reader of the result takes the rest of the image for analyzed. */
function regionNote(region: Box, { width, height }: Size): string {
  const covered = clippedTo(region, width, height) ?? region;
  const named = `The analysis covers only the region [${covered.join(', ')}]`;
  if (covered.every((side, index) => side === region[index])) return `${named}.`;
  return `${named}: the requested region [${region.join(', ')}] extends beyond the image (${width} x ${height} pixels).`;
}

/** The most tiles that the plan may have, and whether a coarser level may be used to stay within it. */
function tileLimit(
  { detail, grid, max_tiles }: AnalysisRequest['plan'],
  tilesMax: number,
): { tiles: number; allowsCoarser: boolean } {
  const tiles = Math.min(grid === null ? TILES_BY_DETAIL[detail] : TILES_MAX, tilesMax);
  if (max_tiles !== null) return { tiles: Math.min(tiles, max_tiles), allowsCoarser: true };
  return { tiles, allowsCoarser: detail !== 'max' && grid === null };
}
