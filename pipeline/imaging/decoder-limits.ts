// What decoding and tiling an image needs, in memory and on disk. Pure: goes only by the header and the plan.
// docs/limits.md is made of these constants, of formats.ts and of planning/image-limits.ts, by build/docs/limits-page.ts.
import { UserError } from '../contract/errors.ts';
import type { ImageLimits } from '../planning/image-limits.ts';

/** An image in a file, and the limits for decoding it. */
export interface ImageFile {
  path: string;
  /** From 0: a frame of an animation, a page of a TIFF. */
  page: number;
  /** From 1: one band, or red, green and blue. Missing: those that the file names. */
  bands?: readonly number[] | undefined;
  limits: ImageLimits;
}

/** Frames or pages: 200 s of an animation at 25 frames per second. All their headers are read before the first pixel. */
export const PAGES_MAX = 5_000;

/** `found` is `more` if the rest was not counted. */
export function tooManyPages(found: string): UserError {
  const limit = PAGES_MAX.toLocaleString('en');
  return new UserError(
    `The image must not have more than ${limit} frames or pages, but it has ${found}. Send only the one to analyze.`,
  );
}

/** Noise at quality 90, the worst case of a 4:2:0 JPEG (measured 0.9); photos take a fifth of it. */
const PYRAMID_BYTES_PER_PIXEL = 1;
/** Every level has a quarter of the pixels of the finer one: 1 + 1/4 + 1/16 + … */
const ALL_LEVELS = 4 / 3;

/** Bytes that the pyramid may take on the temporary disk. Pixels that two tiles share count twice. */
export function pyramidBytes(plan: {
  width: number;
  height: number;
  stridePx: number;
  marginPx: number;
  pyramidLevel: number;
}): number {
  const { width, height, stridePx, marginPx, pyramidLevel } = plan;
  const shared = (1 + (2 * marginPx) / stridePx) ** 2;
  return ((width * height) / 4 ** pyramidLevel) * shared * ALL_LEVELS * PYRAMID_BYTES_PER_PIXEL;
}

/** Bytes that the pyramid's writer holds: a row of tiles being filled and one being written, in RGB. */
export function rowBytes(width: number, height: number, { stridePx, marginPx }: { stridePx: number; marginPx: number }): number {
  return 2 * width * Math.min(height, stridePx + 2 * marginPx) * 3;
}

/** Bytes of the temporary files of an image whose bands are decoded one by one: the bands, and the 8-bit copy that is scaled down. */
export function bandFileBytes({ width, height, bytesPerSample, bands }: BandFacts): number {
  if (bands.picked === null) return bands.dropsExtraBands ? width * height * 3 : 0;
  return width * height * (bands.picked.length * bytesPerSample + 3);
}

interface BandFacts {
  width: number;
  height: number;
  bytesPerSample: number;
  bands: { picked: number[] | null; dropsExtraBands: boolean };
}
