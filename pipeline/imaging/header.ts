// What a picture's header says, before a pixel is decoded. Only decoders on the list below ever see a file.
import sharp, { type Metadata } from 'sharp';
import { UserError } from '../core/errors.ts';
import { hasSeveralScans } from './jpeg-scans.ts';
import type { HeaderFacts } from './limits.ts';

const FORMATS = ['jpeg', 'png', 'webp', 'tiff', 'gif', 'avif'] as const;
const BYTES_OF_DEPTH: Record<string, number> = { uchar: 1, ushort: 2 };

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

export interface PictureFacts extends HeaderFacts {
  pages: number;
  /** What the reader should know of how the file was understood. */
  notes: string[];
}

/** Throws a UserError when the file is no picture that is taken. */
export async function readFacts(path: string): Promise<PictureFacts> {
  const metadata = await metadataOf(path);
  const format = formatOf(metadata);
  const bytesPerSample = BYTES_OF_DEPTH[metadata.depth];
  if (bytesPerSample === undefined) {
    throw new UserError(
      `Expected a picture of 8 or 16 bits a sample, got one of samples of type ${metadata.depth}. Save it with 8 or 16 bits.`,
    );
  }
  const pages = metadata.pages ?? 1;
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
    notes: pages > 1 ? await pagesNote(path, metadata, pages) : [],
  };
}

/** Libheif reads several formats; of them only AVIF has its decoder here. */
function formatOf({ format, compression }: Metadata): string {
  if (format !== 'heif') return format;
  if (compression === 'av1') return 'avif';
  throw noPicture();
}

async function pagesNote(path: string, first: Metadata, pages: number): Promise<string[]> {
  if (first.format !== 'tiff') return [`Looked at the first of ${pages} frames.`];
  const second = await metadataOf(path, 1);
  // The levels of a pyramid are pages too, each half of the one before.
  const halves = (side: 'width' | 'height') => Math.abs(second[side] * 2 - first[side]) <= 2;
  const isPyramid = second.width * second.height < first.width * first.height && halves('width') && halves('height');
  return isPyramid ? [] : [`Looked at the first of ${pages} pages.`];
}

async function metadataOf(path: string, page = 0): Promise<Metadata> {
  try {
    return await sharp(path, { limitInputPixels: false, page }).metadata();
  } catch (cause) {
    throw noPicture(cause);
  }
}

function noPicture(cause?: unknown): UserError {
  const expected = `Expected a picture (${FORMATS.join(', ')}), got a file that is none of them, or only the beginning of one.`;
  return new UserError(`${expected} Check the file and its format.`, { cause });
}
