// Measures how much of an image around a box is of flat color: much in drawings and on pages, little in photographs. Knows no model.
import type { Box } from '../../contract/schemas.ts';
import { byteAt, type Pixels } from './pixels.ts';

/** Around the box: a quarter of its longer side, and at least this much. A small icon is all edges, but lies on a flat page. */
const AROUND_PX_MIN = 8;
const AROUND_SHARE = 1 / 4;

/** For a box in pixels of the image: the share of pixels in and around it that have exactly the color of both next ones, 0 to 1. */
export function flatShares(pixels: Pixels): (box: Box) => number {
  const { width, height } = pixels;
  let pixelsCounted = 0;
  let counts: Uint32Array | null = null;
  const countTo = (x: number, y: number): number => {
    counts ??= flatCounts(pixels);
    return countAt(counts, y * (width + 1) + x);
  };
  return ([left, top, boxWidth, boxHeight]) => {
    const around = Math.max(AROUND_PX_MIN, AROUND_SHARE * Math.max(boxWidth, boxHeight));
    const [x1, x2] = [Math.max(0, Math.floor(left - around)), Math.min(width, Math.ceil(left + boxWidth + around))];
    const [y1, y2] = [Math.max(0, Math.floor(top - around)), Math.min(height, Math.ceil(top + boxHeight + around))];
    const area = Math.max(1, (x2 - x1) * (y2 - y1));
    // Few boxes are counted one by one: sums over the whole image pay only for many.
    pixelsCounted += area;
    if (pixelsCounted <= width * height) return flatIn(pixels, x1, y1, x2, y2) / area;
    return (countTo(x2, y2) - countTo(x1, y2) - countTo(x2, y1) + countTo(x1, y1)) / area;
  };
}

function flatIn({ rgb, width, height }: Pixels, left: number, top: number, right: number, bottom: number): number {
  const line = 3 * width;
  let flat = 0;
  for (let y = top; y < Math.min(bottom, height - 1); y++)
    for (let x = left; x < Math.min(right, width - 1); x++) if (isSameAsNext(rgb, y * line + 3 * x, line)) flat++;
  return flat;
}

/** At (x, y): the number of flat pixels left of x and above y. The last row and column have no next pixel and are not flat. */
function flatCounts({ rgb, width, height }: Pixels): Uint32Array {
  const counts = new Uint32Array((width + 1) * (height + 1));
  const line = 3 * width;
  for (let y = 0; y < height; y++) {
    let inRow = 0;
    for (let x = 0; x < width; x++) {
      const isFlat = x + 1 < width && y + 1 < height && isSameAsNext(rgb, y * line + 3 * x, line);
      if (isFlat) inRow++;
      const to = (y + 1) * (width + 1) + x + 1;
      counts[to] = inRow + countAt(counts, to - width - 1);
    }
  }
  return counts;
}

/** Whether the pixel to the right and the one below have the color of the pixel at `from`. `line` is the bytes of a row. */
function isSameAsNext(rgb: Uint8Array, from: number, line: number): boolean {
  for (let channel = from; channel < from + 3; channel++) {
    const value = byteAt(rgb, channel);
    if (byteAt(rgb, channel + 3) !== value || byteAt(rgb, channel + line) !== value) return false;
  }
  return true;
}

/** As `byteAt`, which only ever gets bytes. */
function countAt(counts: Uint32Array, index: number): number {
  const count = counts[index];
  if (count === undefined) throw new RangeError(`No count ${index} among ${counts.length}.`);
  return count;
}
