// Watches where a model places its boxes over many tiles. A model that answers in pixels where it is asked for thousandths fills one
// corner of every tile: no single tile shows it.
import { lru } from '../contract/lru.ts';
import type { ModelId } from '../contract/schemas.ts';
import type { MarkSeen } from '../ports.ts';
import { type BoxFrame, scaleOf } from './prompts/box-frame.ts';

const MODELS_KEPT_MAX = 100;
/** With fewer boxes or tiles, one corner may be chance. */
const BOXES_MIN = 40;
const TILES_MIN = 8;
/** The share of the width and of the height that the corner takes. */
const CORNER = 0.6;

interface Extent {
  tiles: number;
  boxes: number;
  /** The farthest edges so far, as shares of the sides. */
  right: number;
  bottom: number;
}

/** `true` once all boxes of a model, over many tiles, lie in the top left corner of their tiles. */
export type ConventionWatch = (model: ModelId, reported: readonly MarkSeen[], frame: BoxFrame) => boolean;

export function conventionWatch(): ConventionWatch {
  const extents = lru<ModelId, Extent>(MODELS_KEPT_MAX);
  return (model, reported, frame) => {
    if (reported.length === 0) return false;
    const scale = scaleOf(frame);
    const before = extents.get(model) ?? { tiles: 0, boxes: 0, right: 0, bottom: 0 };
    const extent: Extent = {
      tiles: before.tiles + 1,
      boxes: before.boxes + reported.length,
      right: Math.max(before.right, ...reported.map(({ edges }) => Math.max(edges.left, edges.right) / scale.width)),
      bottom: Math.max(before.bottom, ...reported.map(({ edges }) => Math.max(edges.top, edges.bottom) / scale.height)),
    };
    extents.set(model, extent);
    const isCorner = extent.right <= CORNER && extent.bottom <= CORNER;
    return isCorner && extent.tiles >= TILES_MIN && extent.boxes >= BOXES_MIN;
  };
}
