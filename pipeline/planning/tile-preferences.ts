// The tile that each detection model handles best, in pixels. Measured for local models on drawn scenes with known objects.
import type { ModelId } from '../contract/schemas.ts';
import type { PreferredTile } from './tile-size.ts';

const PREFERRED_TILES: Record<ModelId, PreferredTile> = {
  'onnx:nanodet': { edgePx: 640, overlapPx: 160 },
  'onnx:ppocr': { edgePx: 1_024, overlapPx: 256 },
};
const DEFAULT_TILE: PreferredTile = { edgePx: 1_024, overlapPx: 128 };

/** The smallest tile that any of the models prefers: a model loses less on tiles that are too small than on tiles that are too large. */
export function preferredTileOf(models: readonly ModelId[]): PreferredTile {
  const preferred = models.map((model) => PREFERRED_TILES[model] ?? DEFAULT_TILE);
  return preferred.reduce((smallest, tile) => (tile.edgePx < smallest.edgePx ? tile : smallest));
}
