// Refuses an image that is over a limit, from its header, in one sentence. The limits and their sums are in limits.ts.
import { stat, statfs } from 'node:fs/promises';
import { UserError } from '../contract/errors.ts';
import type { ImageLimits } from '../planning/image-limits.ts';
import type { Plan } from '../planning/plan.ts';
import { decoderCost, PAGES_MAX, pyramidBytes, rowBytes } from './decoder-limits.ts';
import type { ImageFacts } from './image-header.ts';

const count = (number: number) => number.toLocaleString('en');
const megabytes = (bytes: number) => `${count(Math.ceil(bytes / 1_000_000))} MB`;

export async function checkFile(path: string, { fileBytesMax }: ImageLimits): Promise<void> {
  const { size } = await stat(path);
  if (size <= fileBytesMax) return;
  throw new UserError(
    `Expected a file of at most ${megabytes(fileBytesMax)}, got ${megabytes(size)}. Send a smaller or more compressed one.`,
  );
}

export function checkPixels({ width, height }: ImageFacts, { pixelsMax }: ImageLimits): void {
  if (width * height <= pixelsMax) return;
  throw new UserError(
    `Expected an image of at most ${count(pixelsMax)} pixels, got ${width} x ${height} (${count(width * height)}). ` +
      'Send a smaller one or a part of it.',
  );
}

/** `page` counts from 0. */
export function checkPages({ pages }: ImageFacts, page: number): void {
  if (pages > PAGES_MAX) {
    throw new UserError(`Expected at most ${count(PAGES_MAX)} frames or pages, got ${count(pages)}. Send the one to look at.`);
  }
  if (page >= pages) throw new UserError(`Expected a page from 1 to ${pages}, got ${page + 1}. Choose one that the image has.`);
}

/** Formats that cannot stream are held whole: their limit is memory, not pixels. */
export function checkDecoder(facts: ImageFacts, { workingBytesMax }: ImageLimits): void {
  const { what, bytesPerPixel } = decoderCost(facts);
  const bytes = facts.width * facts.height * bytesPerPixel;
  if (bytes <= workingBytesMax) return;
  const pixelsMax = Math.floor(workingBytesMax / bytesPerPixel);
  throw new UserError(
    `Expected at most ${count(pixelsMax)} pixels of a format that is decoded whole (${what}, ${bytesPerPixel} bytes a pixel), ` +
      `got ${facts.width} x ${facts.height}, which needs ${megabytes(bytes)}. ` +
      'Save it upright as a baseline JPEG, a PNG that is not interlaced or a tiled TIFF, or send a part of it.',
  );
}

/** Throws a UserError when the rows of tiles on their way would not fit into memory. */
export function checkRows(plan: Plan, { workingBytesMax }: ImageLimits): void {
  const bytes = rowBytes(plan.width, plan.height, plan);
  if (bytes <= workingBytesMax) return;
  throw new UserError(
    `Expected rows of tiles within ${megabytes(workingBytesMax)} of memory, got ${count(plan.width)} pixels in width ` +
      `and tiles of ${plan.stridePx + 2 * plan.marginPx}, which need ${megabytes(bytes)}. Choose a smaller tile_size, or turn it.`,
  );
}

/** Throws a UserError when the pyramid might not fit on the temporary disk beside the image's own file there. */
export async function checkScratch(plan: Plan, scratchFolder: string, { scratchBytesMax }: ImageLimits): Promise<void> {
  const { bavail, bsize } = await statfs(scratchFolder);
  const [needed, free] = [pyramidBytes(plan), Math.min(scratchBytesMax, bavail * bsize)];
  if (needed <= free) return;
  throw new UserError(
    `Expected room for tiles of up to ${megabytes(needed)} on the temporary disk, got ${megabytes(free)}. ` +
      'Free some space, send a smaller image, or choose detail overview.',
  );
}
