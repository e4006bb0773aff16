// The eyes of a scripted agent: they find areas of one color in an image, as it was sent, and nothing else.
import sharp from 'sharp';
import { at } from '../../pipeline/contract/at.ts';
import type { Box } from '../../pipeline/contract/schemas.ts';

export type Color = readonly [red: number, green: number, blue: number];

/** A model recognizes nothing that is smaller on its shorter side. */
const SEEN_PX_MIN = 12;

/** The boxes of connected pixels of a color, in pixels of the image, the largest first. */
export async function areasOf(image: Uint8Array, isIt: (color: Color) => boolean): Promise<Box[]> {
  const { data, info } = await sharp(image).toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const pending = new Uint8Array(width * height);
  for (let pixel = 0; pixel < pending.length; pixel++) {
    const [red = 0, green = 0, blue = 0] = data.subarray(pixel * channels, pixel * channels + 3);
    pending[pixel] = Number(isIt([red, green, blue]));
  }
  const areas: Box[] = [];
  for (let first = pending.indexOf(1); first >= 0; first = pending.indexOf(1, first + 1)) {
    const [left, top, right, bottom] = takenFrom(pending, first, width);
    const box: Box = [left, top, right - left + 1, bottom - top + 1];
    if (Math.min(box[2], box[3]) >= SEEN_PX_MIN) areas.push(box);
  }
  return areas.sort((a, b) => b[2] * b[3] - a[2] * a[3]);
}

/** The edges of the area around a pixel, which is pending no longer. */
function takenFrom(
  pending: Uint8Array,
  first: number,
  width: number,
): [left: number, top: number, right: number, bottom: number] {
  let [left, top, right, bottom] = [width, pending.length, 0, 0];
  const stack = [first];
  pending[first] = 0;
  for (let pixel = stack.pop(); pixel !== undefined; pixel = stack.pop()) {
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
    [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x), Math.max(bottom, y)];
    const beside = [x > 0 ? pixel - 1 : first, x < width - 1 ? pixel + 1 : first, pixel - width, pixel + width];
    for (const next of beside) {
      if (next < 0 || next >= pending.length || at(pending, next) === 0) continue;
      pending[next] = 0;
      stack.push(next);
    }
  }
  return [left, top, right, bottom];
}
