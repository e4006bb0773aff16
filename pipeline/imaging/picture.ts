// Opens pictures that came from outside: by allow-listed decoder, within the pixel limit, upright. Knows sharp; knows nothing of plans.
import sharp, { type Metadata, type Sharp } from 'sharp';
import { UserError } from '../core/errors.ts';
import type { Jpeg } from '../ports.ts';

export const FORMATS = ['jpeg', 'png', 'webp', 'tiff', 'gif', 'avif'] as const;

// Nothing is read twice here, and a cache of open files and operations only holds memory.
sharp.cache(false);
// Decoders by allow-list: what is not a picture must not reach a parser. Svg only from memory: our own overlays.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: [
    'VipsForeignLoadJpeg',
    'VipsForeignLoadPng',
    'VipsForeignLoadWebp',
    'VipsForeignLoadTiff',
    'VipsForeignLoadNsgif',
    'VipsForeignLoadHeif',
    'VipsForeignLoadSvgBuffer',
  ],
});

export interface PictureHeader {
  format: string;
  /** Pixels of the upright picture. */
  width: number;
  height: number;
}

/** Reads only the header. Throws a UserError when the file is no picture, or one over `pixelsMax`. */
export async function readHeader(path: string, pixelsMax: number): Promise<PictureHeader> {
  const metadata = await decodedMetadata(path);
  const { width, height } = metadata.autoOrient;
  if (width * height > pixelsMax) {
    throw new UserError(
      `Expected a picture of at most ${pixelsMax.toLocaleString('en')} pixels, got ${width} x ${height} ` +
        `(${(width * height).toLocaleString('en')}). Send a smaller one or a part of it.`,
    );
  }
  return { format: metadata.format, width, height };
}

/** The whole picture upright, in sRGB, on white where it is transparent. Damaged pixels make its output fail. */
export function uprightPicture(path: string, pixelsMax: number): Sharp {
  return sharp(path, { limitInputPixels: pixelsMax, failOn: 'error' })
    .autoOrient()
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb');
}

/** Says of a decoder's failure what the caller can do about it. */
export function damagedPicture(cause: unknown): UserError {
  return new UserError('Expected a whole picture, got one whose data is damaged or cut off. Send the complete file again.', {
    cause,
  });
}

async function decodedMetadata(path: string): Promise<Metadata> {
  try {
    return await sharp(path, { limitInputPixels: false }).metadata();
  } catch (cause) {
    throw new UserError(
      `Expected a picture (${FORMATS.join(', ')}), got a file that is none of them. Check the file and its format.`,
      { cause },
    );
  }
}

/** A JPEG of at most `edgePx` on its longer side. Throws a UserError when the picture is damaged. */
export async function smallCopy(path: string, edgePx: number, pixelsMax: number): Promise<Jpeg> {
  try {
    const { data, info } = await uprightPicture(path, pixelsMax)
      .resize(edgePx, edgePx, { fit: 'inside', withoutEnlargement: true })
      .jpeg({ quality: 90 })
      .toBuffer({ resolveWithObject: true });
    return { bytes: data, width: info.width, height: info.height };
  } catch (cause) {
    throw damagedPicture(cause);
  }
}
