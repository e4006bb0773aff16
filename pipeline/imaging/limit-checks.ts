// Refuses an image that exceeds a limit, by its header and its plan. docs/limits.md explains the limits.
import type { Stats } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import { UserError } from '../contract/errors.ts';
import type { ImageLimits } from '../planning/image-limits.ts';
import type { Plan } from '../planning/plan.ts';
import { PAGES_MAX, pyramidBytes, rowBytes, tooManyPages } from './decoder-limits.ts';
import { decoderCost } from './formats.ts';
import type { ImageFacts } from './image-header.ts';

const count = (number: number) => number.toLocaleString('en');
const megabytes = (bytes: number) => `${count(Math.ceil(bytes / 1_000_000))} MB`;

/** Reading a pipe or a device may never end. */
export async function checkFile(path: string, limits: ImageLimits): Promise<void> {
  checkFileFacts(await stat(path), limits);
}

export function checkFileFacts(file: Stats, { fileBytesMax }: ImageLimits): void {
  if (!file.isFile()) throw new UserError('The image must be a file, but it is a folder, pipe, socket or device. Name a file.');
  const { size } = file;
  if (size <= fileBytesMax) return;
  throw new UserError(
    `The file must not be larger than ${megabytes(fileBytesMax)}, but it has ${megabytes(size)}. Send a smaller or more compressed one.`,
  );
}

export function checkPixels({ width, height }: ImageFacts, { pixelsMax }: ImageLimits): void {
  if (width * height <= pixelsMax) return;
  throw new UserError(
    `The image must not have more than ${count(pixelsMax)} pixels, but it has ${width} x ${height} (${count(width * height)}). ` +
      'Send a smaller image or a part of it.',
  );
}

/** `page` counts from 0. */
export function checkPages({ pages }: ImageFacts, page: number): void {
  if (pages > PAGES_MAX) throw tooManyPages(count(pages));
  if (page >= pages) throw new UserError(`Page ${page + 1} does not exist. Choose a page from 1 to ${pages}.`);
}

/** Formats that cannot stream are held as a whole: their limit is memory, not pixels. */
export function checkDecoder(facts: ImageFacts, { workingBytesMax }: ImageLimits): void {
  const { kind, bytesPerPixel } = decoderCost(facts);
  const bytes = facts.width * facts.height * bytesPerPixel;
  if (bytes <= workingBytesMax) return;
  const pixelsMax = Math.floor(workingBytesMax / bytesPerPixel);
  throw new UserError(
    `The decoder must hold this image as a whole (${kind}; ${bytesPerPixel} bytes per pixel): ${facts.width} x ${facts.height} ` +
      `pixels need ${megabytes(bytes)}, and the limit allows ${count(pixelsMax)} pixels. ` +
      'Save it upright as a baseline JPEG, a PNG without interlacing or a tiled TIFF, or send a part of it.',
  );
}

/** Throws a UserError if the rows of tiles in progress would not fit into memory. */
export function checkRows(plan: Plan, { workingBytesMax }: ImageLimits): void {
  const bytes = rowBytes(plan.width, plan.height, plan);
  if (bytes <= workingBytesMax) return;
  throw new UserError(
    `The rows of tiles must fit into ${megabytes(workingBytesMax)} of memory, but ${count(plan.width)} pixels in width and tiles ` +
      `of ${count(plan.stridePx + 2 * plan.marginPx)} need ${megabytes(bytes)}. Choose a smaller tile_size, or rotate the image.`,
  );
}

/**
 * Throws a UserError if the pyramid, and the `temporaryBytes` of decoding, might not fit on the temporary disk, next to the image's own
 * file.
 */
export async function checkScratch(
  plan: Plan,
  scratchFolder: string,
  { scratchBytesMax }: ImageLimits,
  temporaryBytes = 0,
): Promise<void> {
  const { bavail, bsize } = await statfs(scratchFolder);
  const [needed, free] = [pyramidBytes(plan) + temporaryBytes, Math.min(scratchBytesMax, bavail * bsize)];
  if (needed <= free) return;
  throw new UserError(
    `The tiles need up to ${megabytes(needed)} of temporary disk, but only ${megabytes(free)} are available. ` +
      'Free some space, send a smaller image, or choose detail overview.',
  );
}
