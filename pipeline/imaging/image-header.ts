// Reads the header of an image before any pixel is decoded. Only the loaders of formats.ts ever get a file.
import { open } from 'node:fs/promises';
import sharp, { type Metadata } from 'sharp';
import { UserError } from '../contract/errors.ts';
import { FORMATS, type Format, type FormatName, type HeaderFacts } from './formats.ts';

/** A side of 2^31 halved down to one pixel. */
const PYRAMID_LEVELS_MAX = 32;
const BYTES_OF_DEPTH: Readonly<Record<string, number>> = { uchar: 1, ushort: 2 };

// Nothing is read twice here, and a cache of open files and operations would only hold memory.
sharp.cache(false);
// Loaders by allow-list: a file of another format must not reach a parser. SVG only from memory: our own overlays.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({ operation: [...Object.values(FORMATS).map(({ loader }) => loader), 'VipsForeignLoadSvgBuffer'] });

export interface ImageFacts extends HeaderFacts {
  /** Frames of an animation, pages of a TIFF. The levels of a pyramid do not count. */
  pages: number;
  /** Smaller copies inside a pyramidal TIFF: sizes in pixels as stored, each half of the one before. Page n holds the nth. */
  copies: { width: number; height: number }[];
  /** How the file was understood, for the reader of the results. */
  notes: string[];
}

/** `page` counts from 0. Throws a UserError if the file is not an image of an accepted format. */
export async function readFacts(path: string, page: number): Promise<ImageFacts> {
  const first = await metadataOf(path, 0);
  const format = formatOf(first);
  const copies = format === 'tiff' && (first.pages ?? 1) > 1 ? await copiesIn(path, first) : [];
  const pages = copies.length > 0 ? 1 : (first.pages ?? 1);
  const metadata = page > 0 && page < pages ? await metadataOf(path, page) : first;
  const bytesPerSample = BYTES_OF_DEPTH[metadata.depth];
  if (bytesPerSample === undefined) {
    throw new UserError(
      `The image has samples of type ${metadata.depth}, which are not supported. Save it with 8 or 16 bits per sample.`,
    );
  }
  return {
    format,
    width: metadata.autoOrient.width,
    height: metadata.autoOrient.height,
    channels: metadata.channels,
    bytesPerSample,
    interlaced: metadata.isProgressive || (format === 'jpeg' && (await hasSeveralScans(path))),
    chromaSubsampling: metadata.chromaSubsampling ?? 'none',
    orientation: metadata.orientation ?? 1,
    pages,
    copies,
    notes: pages > 1 ? [pageNote(format, page, pages)] : [],
  };
}

function formatOf(metadata: Metadata): FormatName {
  for (const [name, { matches }] of Object.entries<Format>(FORMATS)) if (matches(metadata)) return name as FormatName;
  throw noImage();
}

function pageNote(format: FormatName, page: number, pages: number): string {
  const { unit } = FORMATS[format];
  return page === 0 ? `Analyzed only the first of ${pages} ${unit}s.` : `Analyzed only ${unit} ${page + 1} of ${pages}.`;
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
  const accepted = Object.keys(FORMATS).join(', ');
  return new UserError(
    `The file is not an image of an accepted format (${accepted}), or only the beginning of one. Check the file and its format.`,
    { cause },
  );
}

/** Tables, thumbnails and profiles before the first scan: the largest segment is 64 KB, and a profile of 16 of them is rare. */
const JPEG_HEADER_BYTES_MAX = 1_048_576;
const START_OF_SCAN = 0xda;
const isStartOfFrame = (marker: number) => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/**
 * Whether a JPEG has several scans, so that its decoder holds it as a whole: sharp's header reports that only of progressive ones.
 * Also true if no scan begins within JPEG_HEADER_BYTES_MAX: then the image counts as the more expensive kind.
 */
async function hasSeveralScans(path: string): Promise<boolean> {
  const bytes = Buffer.alloc(JPEG_HEADER_BYTES_MAX);
  await using file = await open(path);
  const { bytesRead } = await file.read(bytes, 0, JPEG_HEADER_BYTES_MAX, 0);
  let components = 0;
  for (let at = 2; at + 9 < bytesRead; ) {
    const marker = bytes.readUInt8(at + 1);
    if (bytes[at] !== 0xff || marker === 0xff) {
      at++; // stray and fill bytes, as libjpeg skips them
      continue;
    }
    if (marker === START_OF_SCAN) return bytes.readUInt8(at + 4) < components;
    if (isStartOfFrame(marker)) components = bytes.readUInt8(at + 9);
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return true;
}
