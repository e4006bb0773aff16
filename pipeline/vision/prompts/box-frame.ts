// The one border between boxes of a language model and pixels: which numbers it is asked for, what they mean, and their conversion. Pure.
import type { Box } from '../../contract/schemas.ts';
import type { Coordinates, Edges } from '../../providers/coordinates.ts';
import type { ImageSize } from '../../providers/image-intake.ts';
import type { ModelProfile } from '../../providers/model-profiles.ts';

/** How one model reports boxes in one image. */
export interface BoxFrame {
  coordinates: Coordinates;
  /** The image that is sent, in pixels. Boxes are converted to it. */
  image: ImageSize;
  /** The same image as the model sees it. */
  seen: ImageSize;
}

export function frameOf(
  { width, height }: ImageSize,
  { coordinates, intake }: Pick<ModelProfile, 'coordinates' | 'intake'>,
): BoxFrame {
  const image = { width, height };
  return { coordinates, image, seen: intake.seen(image) };
}

/** The numbers of a box in the order in which the model should write them. */
export type BoxField = 'left' | 'top' | 'right' | 'bottom' | 'width' | 'height';

export function boxFields({ first, form }: Coordinates): readonly [BoxField, BoxField, BoxField, BoxField] {
  if (form === 'edges') return first === 'x' ? ['left', 'top', 'right', 'bottom'] : ['top', 'left', 'bottom', 'right'];
  return first === 'x' ? ['left', 'top', 'width', 'height'] : ['top', 'left', 'height', 'width'];
}

/** What the fields of a box are, for a prompt that does not depend on the size of the image. */
export function boxRule(coordinates: Coordinates): string {
  const names = boxFields(coordinates)
    .map((field) => `"${field}"`)
    .join(', ');
  const what =
    coordinates.form === 'edges'
      ? 'the edges of the tightest box around it'
      : 'the left and top edge of the tightest box around it, its width and its height';
  return `${names}: ${what}, ${unitRule(coordinates)}`;
}

function unitRule({ unit }: Coordinates): string {
  switch (unit) {
    case 'pixels':
      return 'in pixels of this image, whose width and height the message states. The top left corner of the image is 0, 0.';
    case 'thousandths':
      return 'on a scale from 0 to 1000 over the width and the height of this image. The top left corner of the image is 0, 0 and its bottom right corner 1000, 1000, whatever its size.';
    case 'fractions':
      return 'as fractions of the width and the height of this image, from 0 to 1 with four decimals. The top left corner of the image is 0, 0 and its bottom right corner 1, 1.';
  }
}

/** What the message says about the size of the image. Empty where the numbers do not depend on it. */
export function sizeSentence({ coordinates, seen }: BoxFrame): string {
  return coordinates.unit === 'pixels' ? `The image is ${seen.width} pixels wide and ${seen.height} pixels high.\n\n` : '';
}

/** The largest value of a horizontal and of a vertical number. */
export function scaleOf({ coordinates, seen }: Pick<BoxFrame, 'coordinates' | 'seen'>): ImageSize {
  if (coordinates.unit === 'pixels') return seen;
  const whole = coordinates.unit === 'thousandths' ? 1_000 : 1;
  return { width: whole, height: whole };
}

/** The fields of a box in pixels of the image, as the model would report it. */
export function fieldsOf([left, top, width, height]: Box, frame: BoxFrame): Partial<Record<BoxField, number>> {
  const scale = scaleOf(frame);
  const decimals = frame.coordinates.unit === 'fractions' ? 10_000 : 1;
  const across = (lengthPx: number) => Math.round((lengthPx / frame.image.width) * scale.width * decimals) / decimals;
  const down = (lengthPx: number) => Math.round((lengthPx / frame.image.height) * scale.height * decimals) / decimals;
  const all: Record<BoxField, number> = {
    left: across(left),
    top: down(top),
    right: across(left + width),
    bottom: down(top + height),
    width: across(width),
    height: down(height),
  };
  return Object.fromEntries(boxFields(frame.coordinates).map((field) => [field, all[field]]));
}

/**
 * The box in whole pixels of the image, rounded outwards so that a thin box keeps a pixel. `clipped` is true if it extended beyond the
 * image; `box` is `null` if nothing of it lies inside, or its edges enclose no area. `edges` are numbers of `scale`.
 */
export function boxOf(edges: Edges, { width, height }: ImageSize, scale: ImageSize): { box: Box | null; clipped: boolean } {
  const across = (edge: number) => Math.min(1, Math.max(0, edge / scale.width));
  const down = (edge: number) => Math.min(1, Math.max(0, edge / scale.height));
  const [left, right] = [across(edges.left), across(edges.right)];
  const [top, bottom] = [down(edges.top), down(edges.bottom)];
  const clipped =
    Math.min(edges.left, edges.right, edges.top, edges.bottom) < 0 ||
    Math.max(edges.left, edges.right) > scale.width ||
    Math.max(edges.top, edges.bottom) > scale.height;
  if (right <= left || bottom <= top) return { box: null, clipped };
  const [leftPx, topPx] = [floor(left * width), floor(top * height)];
  return { box: [leftPx, topPx, ceil(right * width) - leftPx, ceil(bottom * height) - topPx], clipped };
}

/** Products of decimal fractions miss whole pixels by less than this. */
const ROUNDING_PX = 1e-6;
const floor = (lengthPx: number) => Math.floor(lengthPx + ROUNDING_PX);
const ceil = (lengthPx: number) => Math.ceil(lengthPx - ROUNDING_PX);
