// The scale on which language models give boxes: corners from 0 to 1000, whatever the image's size. Pure.
// Named edges, because models were trained on both orders: Qwen and Nova put x first, Gemini y.
import type { Box } from '../../contract/schemas.ts';

export const BOX_SCALE = 1_000;

export interface Corners {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** A box in pixels of an image of `width` x `height` as whole numbers on the scale. */
export function cornersOf([left, top, boxWidth, boxHeight]: Box, width: number, height: number): Corners {
  const onScale = (length: number, whole: number) => Math.round((length / whole) * BOX_SCALE);
  return {
    left: onScale(left, width),
    top: onScale(top, height),
    right: onScale(left + boxWidth, width),
    bottom: onScale(top + boxHeight, height),
  };
}

/**
 * Whole pixels of an image of `width` x `height`, rounded outwards, so that a thin box keeps a pixel. `clipped` says that the
 * box reached out of the image; `box` is null when nothing of it lies inside, or its edges have no room between them.
 */
export function boxOf(
  { left, top, right, bottom }: Corners,
  width: number,
  height: number,
): { box: Box | null; clipped: boolean } {
  const inside = (edge: number) => Math.min(BOX_SCALE, Math.max(0, edge));
  const clipped = [left, top, right, bottom].some((edge) => inside(edge) !== edge);
  if (inside(right) <= inside(left) || inside(bottom) <= inside(top)) return { box: null, clipped };
  const leftPx = Math.floor((inside(left) * width) / BOX_SCALE);
  const topPx = Math.floor((inside(top) * height) / BOX_SCALE);
  const rightPx = Math.ceil((inside(right) * width) / BOX_SCALE);
  const bottomPx = Math.ceil((inside(bottom) * height) / BOX_SCALE);
  return { box: [leftPx, topPx, rightPx - leftPx, bottomPx - topPx], clipped };
}
