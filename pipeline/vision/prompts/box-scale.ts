// The scale on which language models report boxes: edges from 0 to 1000, whatever the size of the image. Pure.
// Edges have names because models were trained on both orders: Qwen and Nova put x first, Gemini y.
import type { Box } from '../../contract/schemas.ts';

export const BOX_SCALE = 1_000;

export interface Edges {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** The edges of a box, from pixels of an image of `width` x `height` to whole numbers on the scale. */
export function edgesOf([left, top, boxWidth, boxHeight]: Box, width: number, height: number): Edges {
  const onScale = (length: number, whole: number) => Math.round((length / whole) * BOX_SCALE);
  return {
    left: onScale(left, width),
    top: onScale(top, height),
    right: onScale(left + boxWidth, width),
    bottom: onScale(top + boxHeight, height),
  };
}

/**
 * The box in whole pixels of an image of `width` x `height`, rounded outwards so that a thin box keeps a pixel. `clipped` is true if
 * it extended beyond the image; `box` is `null` if nothing of it lies inside, or its edges enclose no area.
 */
export function boxOf({ left, top, right, bottom }: Edges, width: number, height: number): { box: Box | null; clipped: boolean } {
  const inside = (edge: number) => Math.min(BOX_SCALE, Math.max(0, edge));
  const clipped = [left, top, right, bottom].some((edge) => inside(edge) !== edge);
  if (inside(right) <= inside(left) || inside(bottom) <= inside(top)) return { box: null, clipped };
  const leftPx = Math.floor((inside(left) * width) / BOX_SCALE);
  const topPx = Math.floor((inside(top) * height) / BOX_SCALE);
  const rightPx = Math.ceil((inside(right) * width) / BOX_SCALE);
  const bottomPx = Math.ceil((inside(bottom) * height) / BOX_SCALE);
  return { box: [leftPx, topPx, rightPx - leftPx, bottomPx - topPx], clipped };
}
