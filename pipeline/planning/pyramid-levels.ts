// The pyramid of a stored image as a viewer needs it: its size, its levels and which tiles it holds. Pure.
import { levelsOf } from './grid.ts';
import type { Plan } from './plan.ts';
import type { StoredPlan } from './stored-plan.ts';

/** Levels count from full resolution, 0. Each level is half as wide as the one before. */
export interface StoredImage {
  uri: string;
  width: number;
  height: number;
  /** Pixels between the left edges of neighboring tiles. */
  stridePx: number;
  /** Pixels added on every inner side of a tile. */
  marginPx: number;
  /** The finest level that is stored. */
  finestLevel: number;
  /** The level that is a single pixel. */
  coarsestLevel: number;
}

export function storedImage({ request, plan }: Pick<StoredPlan, 'request' | 'plan'>): StoredImage {
  return {
    uri: request.image.uri,
    width: plan.width,
    height: plan.height,
    stridePx: plan.stridePx,
    marginPx: plan.marginPx,
    finestLevel: plan.pyramidLevel,
    coarsestLevel: coarsestLevelOf(plan),
  };
}

/** True if the pyramid of this plan holds the tile. */
export function hasTile(plan: Plan, level: number, column: number, row: number): boolean {
  const tilesAlongSide = (px: number) => Math.ceil(Math.ceil(px / 2 ** level) / plan.stridePx);
  const isStoredLevel = level >= plan.pyramidLevel && level <= coarsestLevelOf(plan);
  return isStoredLevel && column < tilesAlongSide(plan.width) && row < tilesAlongSide(plan.height);
}

/** The most tiles that the pyramid may hold. Includes slivers and tiny levels that the plan omits. */
export function pyramidTileCount({ width, height, stridePx, marginPx, pyramidLevel }: Plan): number {
  const levels = levelsOf({ width, height }, stridePx, marginPx).slice(pyramidLevel);
  const tiles = levels.reduce((sum, { columns, rows }) => sum + (columns + 1) * (rows + 1), 0); // Deep Zoom may add a last sliver
  return tiles + Math.ceil(Math.log2(Math.max(stridePx + 2 * marginPx, 2))) + 1;
}

function coarsestLevelOf({ width, height }: Plan): number {
  return Math.ceil(Math.log2(Math.max(width, height)));
}
