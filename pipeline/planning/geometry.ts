// Geometry of boxes: areas, intersection, IoU and clipping. A box is [left, top, width, height] in one coordinate space. Pure.
import type { Box } from '../contract/schemas.ts';

export interface Size {
  width: number;
  height: number;
}

/** Context around an object, on every side, as a share of its longer side: enough to show its surroundings. */
const CONTEXT_SHARE = 0.5;
const CONTEXT_MIN_PX = 64;

const areaOf = ([, , width, height]: Box): number => width * height;

/** The area that two boxes share; 0 if they do not intersect. */
export function intersectionOf(a: Box, b: Box): number {
  const width = Math.min(a[0] + a[2], b[0] + b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[1] + a[3], b[1] + b[3]) - Math.max(a[1], b[1]);
  return width > 0 && height > 0 ? width * height : 0;
}

/** Intersection over union: 0 if the boxes do not intersect, 1 if they are equal. */
export function iou(a: Box, b: Box): number {
  const intersection = intersectionOf(a, b);
  return intersection === 0 ? 0 : intersection / (areaOf(a) + areaOf(b) - intersection);
}

/** The part of a box inside `width` x `height`; `null` if the box lies outside. */
export function clippedTo(box: Box, width: number, height: number): Box | null {
  const left = Math.max(0, box[0]);
  const top = Math.max(0, box[1]);
  const right = Math.min(width, box[0] + box[2]);
  const bottom = Math.min(height, box[1] + box[3]);
  return right > left && bottom > top ? [left, top, right - left, bottom - top] : null;
}

/** A box with its surroundings, in whole pixels inside the image. Throws a RangeError if the result lies outside the image. */
export function withContext([left, top, width, height]: Box, image: Size): Box {
  const context = Math.max(CONTEXT_MIN_PX, Math.max(width, height) * CONTEXT_SHARE);
  const extended: Box = [left - context, top - context, width + 2 * context, height + 2 * context];
  const whole = wholePixels(extended, image);
  if (!whole) throw new RangeError(`The box [${left}, ${top}, ${width}, ${height}] lies outside the image.`);
  return whole;
}

/** The smallest box of whole pixels around `box`, inside the image; `null` if the box lies outside. */
export function wholePixels(box: Box, image: Size): Box | null {
  const left = Math.floor(box[0]);
  const top = Math.floor(box[1]);
  const whole: Box = [left, top, Math.ceil(box[0] + box[2]) - left, Math.ceil(box[1] + box[3]) - top];
  return clippedTo(whole, image.width, image.height);
}
