// Where the halves of a tile are, and where detections in a half or in a shrunk tile lie in the tile. Pixels. Pure.
import type { Box, Detection } from '../contract/schemas.ts';
import type { ImageSize } from '../providers/image-intake.ts';

/** Neighboring halves share this much of the cut side, so that an object at the cut is whole in one of them. */
const SHARED_BY_HALVES = 1 / 8;
const HALF_SIDE_MIN_PX = 64;

/** Along the longer side. Empty if the halves would be too small. */
export function halvesOf({ width, height }: ImageSize): Box[] {
  const side = Math.max(width, height);
  const half = Math.ceil((side * (1 + SHARED_BY_HALVES)) / 2);
  if (half < HALF_SIDE_MIN_PX) return [];
  return width >= height
    ? [
        [0, 0, half, height],
        [width - half, 0, half, height],
      ]
    : [
        [0, 0, width, half],
        [0, height - half, width, half],
      ];
}

/** From the half at `box` to the whole. */
export function movedBy([left, top]: Box, detection: Detection): Detection {
  const [x, y, width, height] = detection.box;
  return { ...detection, box: [left + x, top + y, width, height] };
}

/** From an image of another size to the tile that it shows, rounded outwards. */
export function scaledTo(tile: ImageSize, image: ImageSize, detection: Detection): Detection {
  if (tile.width === image.width && tile.height === image.height) return detection;
  const [across, down] = [tile.width / image.width, tile.height / image.height];
  const [left, top, width, height] = detection.box;
  const [leftPx, topPx] = [Math.floor(left * across), Math.floor(top * down)];
  const [rightPx, bottomPx] = [Math.ceil((left + width) * across), Math.ceil((top + height) * down)];
  return {
    ...detection,
    box: [leftPx, topPx, Math.min(tile.width, rightPx) - leftPx, Math.min(tile.height, bottomPx) - topPx],
  };
}
