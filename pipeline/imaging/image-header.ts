// What an image's header says, before a pixel is decoded. Only decoders on the list below ever see a file.
import sharp, { type Metadata } from 'sharp';
import { UserError } from '../contract/errors.ts';
import type { HeaderFacts } from './decoder-limits.ts';
import { hasSeveralScans } from './jpeg-scans.ts';

const FORMATS = ['jpeg', 'png', 'webp', 'tiff', 'gif', 'avif'] as const;
/** A side of 2^31 halved down to one pixel. */
const PYRAMID_LEVELS_MAX = 32;
const BYTES_OF_DEPTH: Record<string, number> = { uchar: 1, ushort: 2 };

// Nothing is read twice here, and a cache of open files and operations only holds memory.
sharp.cache(false);
// Decoders by allow-list: what is not an image must not reach a parser. Svg only from memory: our own overlays.
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

export interface ImageFacts extends HeaderFacts {
  /** Frames of an animation, pages of a TIFF; the levels of a pyramid are none. */
  pages: number;
  /** Smaller copies inside a pyramidal TIFF: sizes in pixels as stored, each half of the one before. Page n holds the nth. */
  copies: { width: number; height: number }[];
  /** What the reader should know of how the file was understood. */
  notes: string[];
}

/** `page` counts from 0. Throws a UserError when the file is no image that is taken. */
export async function readFacts(path: string, page: number): Promise<ImageFacts> {
  const first = await metadataOf(path, 0);
  const format = formatOf(first);
  const copies = format === 'tiff' && (first.pages ?? 1) > 1 ? await copiesIn(path, first) : [];
  const pages = copies.length > 0 ? 1 : (first.pages ?? 1);
  const metadata = page > 0 && page < pages ? await metadataOf(path, page) : first;
  const bytesPerSample = BYTES_OF_DEPTH[metadata.depth];
  if (bytesPerSample === undefined) {
    throw new UserError(
      `Expected an image of 8 or 16 bits a sample, got one of samples of type ${metadata.depth}. Save it with 8 or 16 bits.`,
    );
  }
  return {
    format,
    width: metadata.autoOrient.width,
    height: metadata.autoOrient.height,
    channels: metadata.channels,
    bytesPerSample,
    interlaced: metadata.isProgressive || (format === 'jpeg' && (await hasSeveralScans(path))),
    chromaSubsampling: metadata.chromaSubsampling ?? '',
    orientation: metadata.orientation ?? 1,
    pages,
    copies,
    notes: pages > 1 ? [pageNote(format, page, pages)] : [],
  };
}

/** Libheif reads several formats; of them only AVIF has its decoder here. */
function formatOf({ format, compression }: Metadata): string {
  if (format !== 'heif') return format;
  if (compression === 'av1') return 'avif';
  throw noImage();
}

function pageNote(format: string, page: number, pages: number): string {
  const kind = format === 'tiff' ? 'pages' : 'frames';
  return page === 0 ? `Looked at the first of ${pages} ${kind}.` : `Looked at number ${page + 1} of ${pages} ${kind}.`;
}

/** The levels of a pyramid are pages too, each half of the one before. */
async function copiesIn(path: string, first: Metadata): Promise<ImageFacts['copies']> {
  const copies: ImageFacts['copies'] = [];
  let before: { width: number; height: number } = first;
  for (let page = 1; page < Math.min(first.pages ?? 1, PYRAMID_LEVELS_MAX); page++) {
    const { width, height } = await metadataOf(path, page);
    const halves = Math.abs(width * 2 - before.width) <= 2 && Math.abs(height * 2 - before.height) <= 2;
    if (!halves || width * height >= before.width * before.height) return []; // pages, not copies
    copies.push({ width, height });
    before = { width, height };
  }
  return copies;
}

async function metadataOf(path: string, page: number): Promise<Metadata> {
  try {
    return await sharp(path, { limitInputPixels: false, page }).metadata();
  } catch (cause) {
    throw noImage(cause);
  }
}

function noImage(cause?: unknown): UserError {
  const expected = `Expected an image (${FORMATS.join(', ')}), got a file that is none of them, or only the beginning of one.`;
  return new UserError(`${expected} Check the file and its format.`, { cause });
}
