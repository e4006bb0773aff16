// Opens images that came from outside: by allow-listed decoder, within the limits, upright. Knows sharp; knows nothing of plans.
import sharp, { type Sharp } from 'sharp';
import { sentenceOf, UserError } from '../contract/errors.ts';
import type { Jpeg } from '../ports.ts';
import type { ImageFile } from './decoder-limits.ts';
import { type ImageFacts, readFacts } from './image-header.ts';
import { checkDecoder, checkFile, checkPages, checkPixels } from './limit-checks.ts';
import { stretchOf } from './sample-range.ts';

export interface ImageHeader {
  format: string;
  /** Pixels of the upright image. */
  width: number;
  height: number;
  /** What the reader should know of how the file was understood. */
  notes: string[];
}

/** Reads only the header. Throws a UserError when the file is no image, or one over a limit. */
export async function readHeader(file: ImageFile): Promise<ImageHeader> {
  const { format, width, height, notes } = await checkedFacts(file);
  return { format, width, height, notes };
}

/**
 * One frame or page, upright, in sRGB of 8 bits, on white where it is transparent, shrunk by 2 to the power of `level`.
 * Throws what `readHeader` throws; damaged pixels make its output fail.
 */
export async function uprightImage(file: ImageFile, level = 0): Promise<Sharp> {
  const facts = await checkedFacts(file);
  const { path, limits } = file;
  const stretch = await stretchOf(file);
  // A JPEG whose data ends early is a mere warning of its decoder, and would go on in grey.
  const options = { limitInputPixels: limits.pixelsMax, failOn: 'warning', page: copyFor(facts, level) ?? file.page } as const;
  const image = sharp(path, options)
    .timeout({ seconds: limits.decodeSecondsMax })
    .autoOrient()
    .flatten({ background: '#ffffff' });
  const [width, height] = [Math.ceil(facts.width / 2 ** level), Math.ceil(facts.height / 2 ** level)];
  const shrunk = level === 0 ? image : image.resize(width, height, { fit: 'fill' });
  return (stretch === 1 ? shrunk : shrunk.linear(stretch, 0)).toColourspace('srgb');
}

/** Says of a decoder's failure what the caller can do about it. */
export function damagedImage(cause: unknown, { limits }: ImageFile): Error {
  if (sentenceOf(cause) !== null && cause instanceof Error) return cause;
  if (cause instanceof Error && cause.message.startsWith('timeout')) {
    const expected = `Expected an image that decodes within ${limits.decodeSecondsMax} seconds, got one that takes longer.`;
    return new UserError(`${expected} Send a smaller one, or save it as JPEG.`, { cause });
  }
  return new UserError('Expected a whole image, got one whose data is damaged or cut off. Send the complete file again.', {
    cause,
  });
}

/** A JPEG of at most `edgePx` on its longer side. Throws a UserError when the image is damaged. */
export async function smallCopy(file: ImageFile, edgePx: number): Promise<Jpeg> {
  try {
    const { width, height } = await readHeader(file);
    const level = Math.max(0, Math.floor(Math.log2(Math.max(width, height) / edgePx)));
    const image = await uprightImage(file, level);
    const small = image.resize(edgePx, edgePx, { fit: 'inside', withoutEnlargement: true }); // of several, the last one counts
    const { data, info } = await small.jpeg({ quality: 90 }).toBuffer({ resolveWithObject: true });
    return { bytes: data, width: info.width, height: info.height };
  } catch (cause) {
    throw damagedImage(cause, file);
  }
}

/** A JPEG of ours with its size. */
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

/** The page of a pyramidal TIFF that holds the level already, or the next finer one. */
function copyFor({ copies }: ImageFacts, level: number): number | null {
  return copies.length === 0 || level === 0 ? null : Math.min(level, copies.length);
}
