// The tile that each detection model handles best, in pixels. Measured for local models on drawn scenes with known objects; for language
// models the largest tile that they see unshrunk.
import type { AnalysisRequest, ModelId } from '../contract/schemas.ts';
import { isLocal } from '../providers/prices.ts';
import { profileOf } from '../providers/profile-of.ts';
import { type PreferredTile, TILE_EDGE_MIN_PX } from './tile-size.ts';

const LOCAL_TILES: Record<ModelId, PreferredTile> = {
  'onnx:nanodet': { edgePx: 640, overlapPx: 160 },
  'onnx:ppocr': { edgePx: 1_024, overlapPx: 256 },
};
const DEFAULT_TILE: PreferredTile = { edgePx: 1_024, overlapPx: 128 };
const OVERLAP_OF_EDGE = 1 / 8;
const OVERLAP_OF_INPUT = 1 / 4; // as for onnx:nanodet

/** The smallest tile that any of the models prefers: a model loses less on tiles that are too small than on tiles that are too large. */
export function preferredTileOf(models: readonly ModelId[], detectors: AnalysisRequest['detectors'] = []): PreferredTile {
  const edges = new Map(detectors.map(({ model, tile_edge }) => [model, tile_edge]));
  return models
    .map((model) => tileOf(model, edges.get(model)))
    .reduce((smallest, tile) => (tile.edgePx < smallest.edgePx ? tile : smallest));
}

/**
 * A tile of exactly the size of a detector's input: of 96 small objects, YOLOX-nano found 65 in such tiles, and 36 in larger ones that were
 * shrunk. The shorter side of an input that is not square: a larger tile would be shrunk to it.
 */
export function tileEdgeOf(input: { width: number; height: number }): number {
  return Math.max(TILE_EDGE_MIN_PX, Math.min(input.width, input.height));
}

function tileOf(model: ModelId, edgeOfInput: number | undefined): PreferredTile {
  if (edgeOfInput !== undefined) {
    return { edgePx: edgeOfInput, overlapPx: 2 * Math.round((edgeOfInput * OVERLAP_OF_INPUT) / 2) };
  }
  const measured = LOCAL_TILES[model];
  if (measured) return measured;
  if (isLocal(model)) return DEFAULT_TILE;
  const edgePx = profileOf(model).tileEdgePx;
  return { edgePx, overlapPx: 2 * Math.round((edgePx * OVERLAP_OF_EDGE) / 2), isLargest: true };
}
