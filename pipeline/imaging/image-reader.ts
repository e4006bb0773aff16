// Opens images that came from outside: by an allow-listed loader, within the limits, upright. Knows sharp; knows nothing of plans.
import sharp, { type Sharp } from 'sharp';
import { sentenceOf, UserError } from '../contract/errors.ts';
import type { Jpeg } from '../ports.ts';
import { type ImageFile, RANGE_COPY_EDGE_PX } from './decoder-limits.ts';
import { type ImageFacts, readFacts } from './image-header.ts';
import { checkDecoder, checkFile, checkPages, checkPixels } from './limit-checks.ts';

const SAMPLE_BITS = 16;
/** Rounding in a color profile may lift 4,095 to 4,100. Up to a fiftieth more may saturate, which is not visible. */
const ABOVE_FULL = 1.02;

export interface ImageHeader {
  format: string;
  /** Pixels of the upright image. */
  width: number;
  height: number;
  /** How the file was understood, for the reader of the results. */
  notes: string[];
}

/** Reads only the header. Throws a UserError if the file is not an accepted image, or exceeds a limit. */
export async function readHeader(file: ImageFile): Promise<ImageHeader> {
  const { format, width, height, notes } = await checkedFacts(file);
  return { format, width, height, notes };
}

/**
 * One frame or page, upright, in 8-bit sRGB, on white where it is transparent, scaled down by 2 to the power of `level`. Throws what
 * `readHeader` throws. Damaged pixels make its output fail.
 */
export async function uprightImage(file: ImageFile, level = 0): Promise<Sharp> {
  const facts = await checkedFacts(file);
  const { path, limits } = file;
  const stretch = await stretchOf(file);
  // A JPEG whose data ends early is only a warning of its decoder, and would continue in gray.
  const options = { limitInputPixels: limits.pixelsMax, failOn: 'warning', page: copyFor(facts, level) ?? file.page } as const;
  const image = sharp(path, options)
    .timeout({ seconds: limits.decodeSecondsMax })
    .autoOrient()
    .flatten({ background: '#ffffff' });
  const [width, height] = [Math.ceil(facts.width / 2 ** level), Math.ceil(facts.height / 2 ** level)];
  const shrunk = level === 0 ? image : image.resize(width, height, { fit: 'fill' });
  return (stretch === 1 ? shrunk : shrunk.linear(stretch, 0)).toColourspace('srgb');
}

/** Our own error for a decoder's failure, with what the caller can do about it. */
export function damagedImage(cause: unknown, { limits }: ImageFile): Error {
  if (sentenceOf(cause) !== null && cause instanceof Error) return cause;
  if (cause instanceof Error && cause.message.startsWith('timeout')) {
    const sentence = `Decoding the image takes longer than the limit of ${limits.decodeSecondsMax} s.`;
    return new UserError(`${sentence} Send a smaller image, or save it as JPEG.`, { cause });
  }
  return new UserError('The data of the image is damaged or cut off. Send the complete file again.', { cause });
}

/** A JPEG of at most `edgePx` on its longer side. Throws a UserError if the image is damaged. */
export async function smallCopy(file: ImageFile, edgePx: number): Promise<Jpeg> {
  try {
    const { width, height } = await readHeader(file);
    const level = Math.max(0, Math.floor(Math.log2(Math.max(width, height) / edgePx)));
    const image = await uprightImage(file, level);
    const small = image.resize(edgePx, edgePx, { fit: 'inside', withoutEnlargement: true }); // of several resizes, sharp applies the last
    const { data, info } = await small.jpeg({ quality: 90 }).toBuffer({ resolveWithObject: true });
    return { bytes: data, width: info.width, height: info.height };
  } catch (cause) {
    throw damagedImage(cause, file);
  }
}

/** One of our own JPEGs with its size. */
export async function jpegOf(bytes: Uint8Array): Promise<Jpeg> {
  const { width, height } = await sharp(bytes).metadata();
  return { bytes, width, height };
}

async function checkedFacts({ path, page, limits }: ImageFile): Promise<ImageFacts> {
  await checkFile(path, limits);
  const facts = await readFacts(path, page);
  checkPixels(facts, limits);
  checkPages(facts, page);
  checkDecoder(facts, limits);
  return facts;
}

/** The page of a pyramidal TIFF that already holds the level, or the next finer one. */
function copyFor({ copies }: ImageFacts, level: number): number | null {
  return copies.length === 0 || level === 0 ? null : Math.min(level, copies.length);
}

/**
 * The factor that stretches the samples of an image with 16 bits to their full range; 1 for 8 bits. Scanners and cameras store 10, 12
 * or 14 bits in 16, which would come out nearly black. Goes by a copy of at most RANGE_COPY_EDGE_PX: in larger images, single pixels
 * far brighter than everything around them may saturate.
 */
async function stretchOf({ path, page, limits }: ImageFile): Promise<number> {
  const input = sharp(path, { limitInputPixels: limits.pixelsMax, failOn: 'warning', page });
  const { depth } = await input.metadata();
  if (depth !== 'ushort') return 1;
  const { data, info } = await input
    .timeout({ seconds: limits.decodeSecondsMax })
    // The linear kernel never overshoots: nothing comes out brighter than it is.
    .resize(RANGE_COPY_EDGE_PX, RANGE_COPY_EDGE_PX, { fit: 'inside', withoutEnlargement: true, kernel: 'linear' })
    .removeAlpha()
    .toColourspace('rgb16')
    .raw({ depth: 'ushort' })
    .toBuffer({ resolveWithObject: true });
  const samples = new Uint16Array(data.buffer, data.byteOffset, info.width * info.height * info.channels);
  const highest = samples.reduce((most, sample) => Math.max(most, sample), 0);
  const bits = highest === 0 ? SAMPLE_BITS : Math.max(1, Math.ceil(Math.log2((highest + 1) / ABOVE_FULL)));
  return (2 ** SAMPLE_BITS - 1) / (2 ** bits - 1);
}
