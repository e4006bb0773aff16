// The tile that each detection model handles best, in pixels. Measured for local models on drawn scenes with known objects; for language
// models the largest tile that they see unshrunk.
import type { ModelId } from '../contract/schemas.ts';
import { isLocal } from '../providers/prices.ts';
import { profileOf } from '../providers/profile-of.ts';
import type { PreferredTile } from './tile-size.ts';

const LOCAL_TILES: Record<ModelId, PreferredTile> = {
  'onnx:nanodet': { edgePx: 640, overlapPx: 160 },
  'onnx:ppocr': { edgePx: 1_024, overlapPx: 256 },
};
const DEFAULT_TILE: PreferredTile = { edgePx: 1_024, overlapPx: 128 };
const OVERLAP_OF_EDGE = 1 / 8;

/** The smallest tile that any of the models prefers: a model loses less on tiles that are too small than on tiles that are too large. */
export function preferredTileOf(models: readonly ModelId[]): PreferredTile {
  return models.map(tileOf).reduce((smallest, tile) => (tile.edgePx < smallest.edgePx ? tile : smallest));
}

function tileOf(model: ModelId): PreferredTile {
  const measured = LOCAL_TILES[model];
  if (measured) return measured;
  if (isLocal(model)) return DEFAULT_TILE;
  const edgePx = profileOf(model).tileEdgePx;
  return { edgePx, overlapPx: 2 * Math.round((edgePx * OVERLAP_OF_EDGE) / 2), isLargest: true };
}
