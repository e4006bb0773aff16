// What a plan must know of each detection model: the tile it sees best, in pixels. Measured for local models on drawn truth.
import type { ModelId } from '../contract/schemas.ts';
import type { TileWish } from './plan.ts';

const TILE_BY_MODEL: Record<ModelId, TileWish> = {
  'onnx:nanodet': { edgePx: 640, overlapPx: 160 },
  'onnx:ppocr': { edgePx: 1_024, overlapPx: 256 },
};
const TILE_OF_OTHERS: TileWish = { edgePx: 1_024, overlapPx: 128 };

/** The smallest wished tile of several: a model that wants larger ones still sees more than one that wants smaller ones would. */
export function tileWishOf(models: readonly ModelId[]): TileWish {
  const wishes = models.map((model) => TILE_BY_MODEL[model] ?? TILE_OF_OTHERS);
  return wishes.reduce((smallest, wish) => (wish.edgePx < smallest.edgePx ? wish : smallest), wishes[0] ?? TILE_OF_OTHERS);
}
