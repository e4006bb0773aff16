// Draws frames and small images straight into pixels: an SVG of the whole image, of which a few lines are visible, takes ten times as long.
import { at } from '../../contract/at.ts';
import type { Box } from '../../contract/schemas.ts';

/** Rows of red, green and blue bytes. */
export interface RawImage {
  data: Buffer;
  info: { width: number; height: number; channels: 3 };
}

type Range = readonly [from: number, to: number];

export interface Line {
  widthPx: number;
  /** `#rrggbb` */
  color: string;
  /** 0 to 1 */
  opacity: number;
}

/** The line lies on the edges of the box, half of it outside. */
export function drawFrame(image: RawImage, [left, top, boxWidth, boxHeight]: Box, { widthPx, color, opacity }: Line): void {
  const { width, height } = image.info;
  const half = widthPx / 2;
  const outer = { x: [left - half, left + boxWidth + half], y: [top - half, top + boxHeight + half] } as const;
  const inner = { x: [left + half, left + boxWidth - half], y: [top + half, top + boxHeight - half] } as const;
  const rgb = [1, 3, 5].map((place) => Number.parseInt(color.slice(place, place + 2), 16));
  const drawRow = (y: number, from: number, to: number): void => {
    for (let x = Math.max(0, from); x < Math.min(width, to); x++) {
      const hole = covered(inner.x, x) * covered(inner.y, y);
      blend(image.data, 3 * (y * width + x), rgb, opacity * (covered(outer.x, x) * covered(outer.y, y) - hole));
    }
  };
  const [start, end] = [Math.floor(outer.x[0]), Math.ceil(outer.x[1])];
  const [holeStart, holeEnd] = [Math.ceil(inner.x[0]), Math.floor(inner.x[1])];
  for (let y = Math.max(0, Math.floor(outer.y[0])); y < Math.min(height, Math.ceil(outer.y[1])); y++) {
    if (covered(inner.y, y) < 1 || holeStart >= holeEnd) drawRow(y, start, end);
    else {
      drawRow(y, start, holeStart);
      drawRow(y, holeEnd, end);
    }
  }
}

/** `rgba` may have transparent pixels, and has to lie within the image. */
export function drawImage(
  image: RawImage,
  rgba: { data: Buffer; info: { width: number; height: number } },
  left: number,
  top: number,
): void {
  const { width, height } = rgba.info;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = 4 * (y * width + x);
      const color = [at(rgba.data, from), at(rgba.data, from + 1), at(rgba.data, from + 2)];
      blend(image.data, 3 * ((top + y) * image.info.width + left + x), color, at(rgba.data, from + 3) / 255);
    }
  }
}

/** The part of the pixel at `position` that lies in the range, 0 to 1. */
function covered([from, to]: Range, position: number): number {
  return Math.max(0, Math.min(to, position + 1) - Math.max(from, position));
}

function blend(data: Buffer, place: number, rgb: readonly number[], share: number): void {
  if (share <= 0) return;
  for (let channel = 0; channel < 3; channel++) {
    data[place + channel] = Math.round(at(data, place + channel) * (1 - share) + at(rgb, channel) * share);
  }
}
