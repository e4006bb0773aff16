// Which boxes a view shows. Pure.
import { UserError } from '../../contract/errors.ts';
import type { Box } from '../../contract/schemas.ts';
import { type Size, wholePixels } from '../../planning/geometry.ts';

/** In whole pixels inside the image; the whole image if none is given. Throws a UserError for a box outside, and for an empty one. */
export function boxesInside(boxes: readonly Box[], image: Size): Box[] {
  if (boxes.length === 0) return [[0, 0, image.width, image.height]];
  return boxes.map((box) => insideImage(box, image, wholePixels));
}

/** `toPixels` decides how much around the box is shown. Throws a UserError for a box outside. */
export function insideImage(box: Box, image: Size, toPixels: (box: Box, image: Size) => Box | null): Box {
  const pixels = toPixels(box, image);
  if (pixels) return pixels;
  if (box[2] === 0 || box[3] === 0) {
    throw new UserError(`The box [${box.join(', ')}] is empty. Its width and height must be larger than 0.`);
  }
  throw new UserError(
    `The box [${box.join(', ')}] lies outside the image of ${image.width} x ${image.height} pixels. Choose a box that overlaps it.`,
  );
}
