// Refuses a picture that is over a limit, from its header, in one sentence. The limits and their sums are in limits.ts.
import { stat } from 'node:fs/promises';
import { UserError } from '../core/errors.ts';
import type { PictureFacts } from './header.ts';
import { decoderCost, FILE_BYTES_MAX, PAGES_MAX, rowBytes, WORKING_BYTES_MAX } from './limits.ts';

const count = (number: number) => number.toLocaleString('en');
const megabytes = (bytes: number) => `${count(Math.ceil(bytes / 1_000_000))} MB`;

export async function checkFile(path: string): Promise<void> {
  const { size } = await stat(path);
  if (size <= FILE_BYTES_MAX) return;
  throw new UserError(
    `Expected a file of at most ${megabytes(FILE_BYTES_MAX)}, got ${megabytes(size)}. Send a smaller or more compressed one.`,
  );
}

export function checkPixels({ width, height }: PictureFacts, pixelsMax: number): void {
  if (width * height <= pixelsMax) return;
  throw new UserError(
    `Expected a picture of at most ${count(pixelsMax)} pixels, got ${width} x ${height} (${count(width * height)}). ` +
      'Send a smaller one or a part of it.',
  );
}

export function checkPages({ pages }: PictureFacts): void {
  if (pages <= PAGES_MAX) return;
  throw new UserError(`Expected at most ${count(PAGES_MAX)} frames or pages, got ${count(pages)}. Send the one to look at.`);
}

/** Formats that cannot stream are held whole: their limit is memory, not pixels. */
export function checkDecoder(facts: PictureFacts): void {
  const { what, bytesPerPixel } = decoderCost(facts);
  const bytes = facts.width * facts.height * bytesPerPixel;
  if (bytes <= WORKING_BYTES_MAX) return;
  const pixelsMax = Math.floor(WORKING_BYTES_MAX / bytesPerPixel);
  throw new UserError(
    `Expected at most ${count(pixelsMax)} pixels of a format that is decoded whole (${what}, ${bytesPerPixel} bytes a pixel), ` +
      `got ${facts.width} x ${facts.height}, which needs ${megabytes(bytes)}. ` +
      'Save it upright as a baseline JPEG, a PNG that is not interlaced or a tiled TIFF, or send a part of it.',
  );
}

/** Throws a UserError when the rows of tiles on their way would not fit into memory. */
export function checkRows(plan: { width: number; height: number; stridePx: number; marginPx: number }): void {
  const bytes = rowBytes(plan.width, plan.height, plan);
  if (bytes <= WORKING_BYTES_MAX) return;
  throw new UserError(
    `Expected rows of tiles within ${megabytes(WORKING_BYTES_MAX)} of memory, got ${count(plan.width)} pixels in width ` +
      `and tiles of ${plan.stridePx + 2 * plan.marginPx}, which need ${megabytes(bytes)}. Choose a smaller tile_size, or turn it.`,
  );
}
