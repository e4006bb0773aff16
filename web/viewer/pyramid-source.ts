// The stored pyramid of an execution as a tile source of OpenSeadragon.
import type { StoredImage } from '../../pipeline/planning/pyramid-levels.ts';

/**
 * Deep Zoom counts levels up from a single pixel; tilesight counts them down from full resolution. The finest stored level may be a
 * coarser one: then it is the full size of the source.
 */
export function pyramidSource(executionId: string, image: StoredImage) {
  const { width, height, stridePx, marginPx, finestLevel, coarsestLevel } = image;
  const sizeAt = (px: number, level: number) => Math.ceil(px / 2 ** level);
  let oneTileLevel = finestLevel;
  while (Math.max(sizeAt(width, oneTileLevel), sizeAt(height, oneTileLevel)) > stridePx) oneTileLevel++;
  return {
    width: sizeAt(width, finestLevel),
    height: sizeAt(height, finestLevel),
    tileSize: stridePx,
    tileOverlap: marginPx,
    minLevel: coarsestLevel - oneTileLevel,
    maxLevel: coarsestLevel - finestLevel,
    getTileUrl: (level: number, column: number, row: number) =>
      `/executions/${executionId}/pyramid/${coarsestLevel - level}/${column}_${row}.jpg`,
  };
}
