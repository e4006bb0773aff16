// What a decoder and the pyramid's writer will need, in memory and on disk. Pure: goes by the header's facts alone.
// docs/limits.md is made of these constants, and of those in planning/image-limits.ts, by build/docs/limits-page.ts.
import type { ImageLimits } from '../planning/image-limits.ts';

/** An image in a file, and what it may cost. */
export interface ImageFile {
  path: string;
  /** From 0: a frame of an animation, a page of a TIFF. */
  page: number;
  limits: ImageLimits;
}

/** Frames or pages: 200 s of an animation at 25 a second. All their headers are read before the first pixel. */
export const PAGES_MAX = 5_000;

/** Of an image with 16 bits a sample: the longer side of the copy that says how many of them are in use. */
export const RANGE_COPY_EDGE_PX = 2_048;

/**
 * Extra bytes a pixel, measured on 80 megapixels as peak RSS over that of a decoder that streams.
 * A progressive JPEG holds 2 bytes for each coefficient: 4:2:0 has 1.5 of them a pixel, 4:4:4 has 3, CMYK has 4.
 */
export const DECODER_BYTES_PER_PIXEL = {
  'progressive JPEG, grey': 2,
  'progressive JPEG, 4:2:0': 3,
  'progressive JPEG, 4:2:2': 4,
  'progressive JPEG, 4:4:4': 6,
  'progressive JPEG, CMYK': 8,
  'interlaced PNG': 3, // 8 bits and no alpha; measured 2.7
  WebP: 9, // measured 7.4 lossy, 8.9 lossless
  GIF: 5, // measured 4.9
  AVIF: 18, // measured 17.2
} as const;

export interface HeaderFacts {
  format: string;
  /** Pixels of the upright image. */
  width: number;
  height: number;
  /** As stored, alpha included. */
  channels: number;
  bytesPerSample: number;
  /** Progressive, interlaced, or a JPEG in more than one scan. */
  interlaced: boolean;
  chromaSubsampling: string;
  /** EXIF; 1 is upright. */
  orientation: number;
}

export interface DecoderCost {
  /** In words that fit behind "a". */
  what: string;
  bytesPerPixel: number;
}

/** What has to be held whole to decode this image: nothing for formats that stream. */
export function decoderCost(facts: HeaderFacts): DecoderCost {
  const held = heldByDecoder(facts);
  // Only a flip from left to right can be done row by row.
  const turned = facts.orientation > 2 ? facts.channels * facts.bytesPerSample : 0;
  const what = turned === 0 ? held.what : `${held.what} that its orientation tag turns`;
  return { what, bytesPerPixel: held.bytesPerPixel + turned };
}

function heldByDecoder({ format, interlaced, chromaSubsampling, channels, bytesPerSample }: HeaderFacts): DecoderCost {
  const cost = (what: keyof typeof DECODER_BYTES_PER_PIXEL) => ({ what, bytesPerPixel: DECODER_BYTES_PER_PIXEL[what] });
  switch (format) {
    case 'jpeg':
      return interlaced ? cost(progressiveKind(chromaSubsampling, channels)) : { what: 'JPEG', bytesPerPixel: 0 };
    case 'png':
      return interlaced
        ? { what: 'interlaced PNG', bytesPerPixel: channels * bytesPerSample }
        : { what: 'PNG', bytesPerPixel: 0 };
    case 'webp':
      return cost('WebP');
    case 'gif':
      return cost('GIF');
    case 'avif':
      return cost('AVIF');
    default:
      return { what: format.toUpperCase(), bytesPerPixel: 0 };
  }
}

function progressiveKind(chromaSubsampling: string, channels: number): keyof typeof DECODER_BYTES_PER_PIXEL {
  if (channels === 1) return 'progressive JPEG, grey';
  if (channels === 4) return 'progressive JPEG, CMYK';
  if (chromaSubsampling === '4:2:0') return 'progressive JPEG, 4:2:0';
  return chromaSubsampling === '4:2:2' ? 'progressive JPEG, 4:2:2' : 'progressive JPEG, 4:4:4';
}

/** Noise at quality 90, the worst that a JPEG of 4:2:0 is given (measured 0.9); photographs take a fifth of it. */
const PYRAMID_BYTES_PER_PIXEL = 1;
/** Every level has a quarter of the pixels of the one before: 1 + 1/4 + 1/16 + … */
const ALL_LEVELS = 4 / 3;

/** What the pyramid may take on the temporary disk, pixels that neighbouring tiles share counted twice. */
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

/** What the pyramid's writer holds: a row of tiles being filled and one being written, in RGB. */
export function rowBytes(width: number, height: number, { stridePx, marginPx }: { stridePx: number; marginPx: number }): number {
  return 2 * width * Math.min(height, stridePx + 2 * marginPx) * 3;
}
