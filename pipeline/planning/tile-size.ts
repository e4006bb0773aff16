// Chooses the tile size for an image: from `tile_size` and `overlap`, from `grid`, or from the detection model's preference. Pure.
import { UserError } from '../contract/errors.ts';
import type { AnalysisRequest } from '../contract/schemas.ts';
import type { Size } from './geometry.ts';
import { type TileGrid, tilesAlong } from './grid.ts';

export const TILE_EDGE_MIN_PX = 128;
/** The largest tile that Deep Zoom writers accept is 8,192 px. Models scale down images above about 2,000 px. */
export const TILE_EDGE_MAX_PX = 4_096;

/** A grid of 2 equals the quarters that `overview` analyzes. */
export const GRID_MIN = 3;
/** 100 x 100 tiles are ten times what `fine` analyzes. */
export const GRID_MAX = 100;

/** How far the tile edge may differ from the requested one to avoid slivers in the last row and column. */
const EDGE_SHRINK_MAX = 0.25;
const EDGE_GROW_MAX = 0.1;
/** The share of a tile that the last row and column should fill, best first: full tiles need fewer calls, slivers show no whole object. */
const LAST_TILE_SHARES = [2 / 3, 1 / 3] as const;

/** The tile that a detection model handles best. */
export interface PreferredTile {
  edgePx: number;
  overlapPx: number;
  /** The model shrinks a larger tile. */
  isLargest?: boolean;
}

export type TileSize = Pick<TileGrid, 'stridePx' | 'marginPx'>;

/**
 * The size that `tile_size` and `overlap` request, or the model's preference, adjusted so that the last row and column are not
 * slivers. Throws a UserError if a value is out of range.
 */
export function adjustedTileSize(image: Size, request: AnalysisRequest['plan'], preferred: PreferredTile): TileSize {
  const { edgePx, overlapPx } = requestedTile(request, preferred);
  const edgeMaxPx = request.tile_size === null && preferred.isLargest ? edgePx : edgePx * (1 + EDGE_GROW_MAX);
  const marginPx = Math.floor(overlapPx / 2);
  const strideOf = (edge: number) => edge - 2 * marginPx;
  const distances = Array.from({ length: Math.floor(edgePx * EDGE_SHRINK_MAX) + 1 }, (_, distance) => distance);
  const edgesByDistance = distances
    .flatMap((distance) => [edgePx + distance, edgePx - distance])
    .filter((edge) => edge <= edgeMaxPx && strideOf(edge) >= Math.max(1, 2 * marginPx));
  const lastTilesFill = (edge: number, share: number) =>
    [image.width, image.height].every((side) => lastTilePx(side, strideOf(edge), marginPx) >= Math.min(side, edge * share));
  const nearestEdges = LAST_TILE_SHARES.map((share) => edgesByDistance.find((edge) => lastTilesFill(edge, share)));
  return { stridePx: strideOf(nearestEdges.find((edge) => edge !== undefined) ?? edgePx), marginPx };
}

/**
 * The size that puts `grid` tiles along the longer side of the image, and the finest level on which such tiles are at most
 * TILE_EDGE_MAX_PX. Throws a UserError if the tiles would be too small, or if `tile_size` is set too.
 */
export function gridTileSize(
  image: Size,
  { tile_size, overlap }: AnalysisRequest['plan'],
  grid: number,
  preferred: PreferredTile,
): TileSize & { level: number } {
  if (tile_size !== null) throw new UserError(`Set tile_size (${tile_size}) or grid (${grid}), not both. Leave one out.`);
  if (grid < GRID_MIN || grid > GRID_MAX) {
    throw new UserError(`The grid (${grid}) must be between ${GRID_MIN} and ${GRID_MAX}. Choose a value in that range.`);
  }
  const tileOn = (level: number) => {
    const longerPx = Math.ceil(Math.max(image.width, image.height) / 2 ** level);
    const marginPx = Math.floor((overlap ?? ((longerPx / grid) * preferred.overlapPx) / preferred.edgePx) / 2);
    const stridePx = Math.ceil((longerPx - marginPx) / grid);
    return { level, stridePx, marginPx, edgePx: stridePx + 2 * marginPx };
  };
  let tile = tileOn(0);
  while (tile.edgePx > TILE_EDGE_MAX_PX && tile.stridePx > 1) tile = tileOn(tile.level + 1);
  if (tile.edgePx < TILE_EDGE_MIN_PX || tile.stridePx < 2 * tile.marginPx) {
    throw new UserError(
      `A grid of ${grid} makes tiles of ${tile.edgePx} pixels with an overlap of ${2 * tile.marginPx}. ` +
        `Tiles must be at least ${TILE_EDGE_MIN_PX} pixels, and the overlap at most half a tile. Choose a smaller grid or overlap.`,
    );
  }
  return tile;
}

function requestedTile({ tile_size, overlap }: AnalysisRequest['plan'], preferred: PreferredTile): PreferredTile {
  const edgePx = tile_size ?? preferred.edgePx;
  if (edgePx < TILE_EDGE_MIN_PX || edgePx > TILE_EDGE_MAX_PX) {
    throw new UserError(
      `The tile_size (${edgePx}) must be between ${TILE_EDGE_MIN_PX} and ${TILE_EDGE_MAX_PX} pixels. ` +
        'Choose a value in that range, or leave it out.',
    );
  }
  const overlapPx = overlap ?? Math.round((preferred.overlapPx * edgePx) / preferred.edgePx);
  if (overlapPx < 0 || overlapPx > edgePx / 2) {
    throw new UserError(
      `The overlap (${overlapPx}) must be between 0 and half of tile_size (${edgePx}). ` +
        'Choose a smaller overlap or a larger tile_size.',
    );
  }
  return { edgePx, overlapPx };
}

function lastTilePx(sidePx: number, stridePx: number, marginPx: number): number {
  const last = tilesAlong(sidePx, stridePx, marginPx) - 1;
  return sidePx - Math.max(0, last * stridePx - marginPx);
}
