// Boxes: where they meet and how much they share. A box is [left, top, width, height] in one space.
import type { Box } from '../contract/schemas.ts';

const areaOf = ([, , width, height]: Box): number => width * height;

/** Shared area of two boxes, 0 when they do not meet. */
export function intersectionOf(a: Box, b: Box): number {
  const width = Math.min(a[0] + a[2], b[0] + b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[1] + a[3], b[1] + b[3]) - Math.max(a[1], b[1]);
  return width > 0 && height > 0 ? width * height : 0;
}

/** Intersection over union: 0 apart, 1 the same. */
export function iou(a: Box, b: Box): number {
  const shared = intersectionOf(a, b);
  return shared === 0 ? 0 : shared / (areaOf(a) + areaOf(b) - shared);
}

/** The part of a box inside `width` x `height`; null when nothing is. */
export function clippedTo(box: Box, width: number, height: number): Box | null {
  const left = Math.max(0, box[0]);
  const top = Math.max(0, box[1]);
  const right = Math.min(width, box[0] + box[2]);
  const bottom = Math.min(height, box[1] + box[3]);
  return right > left && bottom > top ? [left, top, right - left, bottom - top] : null;
}

/** Around an object, on every side, in parts of its longer side: enough to see what it stands on. */
const CONTEXT_SHARE = 0.5;
const CONTEXT_MIN_PX = 64;

/** A box with what is around it, in whole pixels inside the image. */
export function withContext([left, top, width, height]: Box, image: { width: number; height: number }): Box {
  const context = Math.max(CONTEXT_MIN_PX, Math.max(width, height) * CONTEXT_SHARE);
  return wholePixels([left - context, top - context, width + 2 * context, height + 2 * context], image) ?? [0, 0, 1, 1];
}

/** The smallest box of whole pixels around `box`, inside the image; null when they do not meet. */
export function wholePixels(box: Box, image: { width: number; height: number }): Box | null {
  const left = Math.floor(box[0]);
  const top = Math.floor(box[1]);
  const whole: Box = [left, top, Math.ceil(box[0] + box[2]) - left, Math.ceil(box[1] + box[3]) - top];
  return clippedTo(whole, image.width, image.height);
}
