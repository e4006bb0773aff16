// Opens pictures that came from outside: by allow-listed decoder, within the limits, upright. Knows sharp; knows nothing of plans.
import sharp, { type Sharp } from 'sharp';
import { sentenceOf, UserError } from '../core/errors.ts';
import type { Jpeg } from '../ports.ts';
import { readFacts } from './header.ts';
import { checkDecoder, checkFile, checkPages, checkPixels } from './limit-checks.ts';
import { DECODE_SECONDS_MAX } from './limits.ts';
import { stretchOf } from './sample-range.ts';

export interface PictureHeader {
  format: string;
  /** Pixels of the upright picture. */
  width: number;
  height: number;
  /** What the reader should know of how the file was understood. */
  notes: string[];
}

/** Reads only the header. Throws a UserError when the file is no picture, or one over a limit. */
export async function readHeader(path: string, pixelsMax: number): Promise<PictureHeader> {
  await checkFile(path);
  const facts = await readFacts(path);
  checkPixels(facts, pixelsMax);
  checkPages(facts);
  checkDecoder(facts);
  return { format: facts.format, width: facts.width, height: facts.height, notes: facts.notes };
}

/**
 * The first frame or page, upright, in sRGB of 8 bits, on white where it is transparent.
 * Throws what `readHeader` throws; damaged pixels make its output fail.
 */
export async function uprightPicture(path: string, pixelsMax: number): Promise<Sharp> {
  await readHeader(path, pixelsMax);
  const stretch = await stretchOf(path, pixelsMax);
  // A JPEG whose data ends early is a mere warning of its decoder, and would go on in grey.
  const picture = sharp(path, { limitInputPixels: pixelsMax, failOn: 'warning' })
    .timeout({ seconds: DECODE_SECONDS_MAX })
    .autoOrient()
    .flatten({ background: '#ffffff' });
  return (stretch === 1 ? picture : picture.linear(stretch, 0)).toColourspace('srgb');
}

/** Says of a decoder's failure what the caller can do about it. */
export function damagedPicture(cause: unknown): Error {
  if (sentenceOf(cause) !== null && cause instanceof Error) return cause;
  if (cause instanceof Error && cause.message.startsWith('timeout')) {
    const expected = `Expected a picture that decodes within ${DECODE_SECONDS_MAX} seconds, got one that takes longer.`;
    return new UserError(`${expected} Send a smaller one, or save it as JPEG.`, { cause });
  }
  return new UserError('Expected a whole picture, got one whose data is damaged or cut off. Send the complete file again.', {
    cause,
  });
}

/** A JPEG of at most `edgePx` on its longer side. Throws a UserError when the picture is damaged. */
export async function smallCopy(path: string, edgePx: number, pixelsMax: number): Promise<Jpeg> {
  try {
    const picture = await uprightPicture(path, pixelsMax);
    const { data, info } = await picture
      .resize(edgePx, edgePx, { fit: 'inside', withoutEnlargement: true })
      .jpeg({ quality: 90 })
      .toBuffer({ resolveWithObject: true });
    return { bytes: data, width: info.width, height: info.height };
  } catch (cause) {
    throw damagedPicture(cause);
  }
}
