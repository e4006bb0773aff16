// Reads the header of an image before any pixel is decoded. Only the loaders of formats.ts ever get a file.
import { open } from 'node:fs/promises';
import sharp, { type Metadata } from 'sharp';
import { at } from '../contract/at.ts';
import { UserError } from '../contract/errors.ts';
import { BANDS_MAX, type BandReading, bandReading } from './bands.ts';
import { type ImageFile, PAGES_MAX, tooManyPages } from './decoder-limits.ts';
import { hasMoreFrames } from './decoding/webp-frames.ts';
import { FORMAT_BYTES, FORMATS, type Format, type FormatName, type HeaderFacts, noImageSentence } from './formats.ts';
import { type TiffDirectory, tiffDirectories } from './tiff-tags.ts';
import { hasUnknownCodec, unreadableTiff } from './unreadable-tiffs.ts';

const BYTES_OF_DEPTH: Readonly<Record<string, number>> = {
  uchar: 1,
  char: 1,
  ushort: 2,
  short: 2,
  uint: 4,
  int: 4,
  float: 4,
};

// Nothing is read twice here, and a cache of open files and operations would only hold memory.
sharp.cache(false);
// Loaders by allow-list: a file of another format must not reach a parser. SVG only from memory: our own overlays.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({ operation: [...Object.values(FORMATS).map(({ loader }) => loader), 'VipsForeignLoadSvgBuffer'] });

export interface ImageFacts extends HeaderFacts {
  /** Frames of an animation, pages of a TIFF. The levels of a pyramid do not count. */
  pages: number;
  /** The requested page, from 0, as the file counts: with its masks. */
  page: number;
  /** Another page of the TIFF is compressed with a codec that libtiff lacks. */
  hasUnknownCodec: boolean;
  /** Smaller copies inside a pyramidal TIFF and the pages that hold them, from 0. Each has half the size of the one before. */
  copies: { page: number }[];
  /** The type of a sample and its color space, as libvips names them. */
  depth: string;
  space: string;
  /** The value that marks missing data, as it is after decoding. */
  nodata: number | null;
  bands: BandReading;
  /** How the file was understood, for the reader of the results. */
  notes: string[];
}

/** `page` counts from 0. Throws a UserError if the file is not an image of an accepted format. */
export async function readFacts({
  path,
  page,
  bands: requested,
}: Pick<ImageFile, 'path' | 'page' | 'bands'>): Promise<ImageFacts> {
  const found = await tiffDirectories(path, PAGES_MAX);
  if (found?.isLonger || (await hasMoreFrames(path, PAGES_MAX))) throw tooManyPages('more');
  const directories = found?.readable ?? [];
  const imagePages = pagesOf(directories);
  const inFile = imagePages[page] ?? page;
  const directory = directories[inFile] ?? null;
  const unreadable = directory && unreadableTiff(directory);
  if (unreadable) throw new UserError(unreadable);
  const first = await metadataOf(path, imagePages[0] ?? 0);
  const format = await formatOf(first, path);
  const copies = copiesIn(directories, imagePages);
  const pages = copies.length > 0 ? 1 : (first.pages ?? 1) - (directories.length - imagePages.length);
  const metadata = page > 0 && page < pages ? await metadataOf(path, inFile) : first;
  const bytesPerSample = BYTES_OF_DEPTH[metadata.depth];
  if (bytesPerSample === undefined) {
    throw new UserError(
      `The image has samples of the type ${metadata.depth}, which are not supported. Save it with 8 or 16 bits per sample.`,
    );
  }
  if (metadata.channels > BANDS_MAX) {
    throw new UserError(
      `The image must not have more than ${BANDS_MAX} bands, but it has ${metadata.channels}. Choose three, for example with: ` +
        'gdal_translate -b 30 -b 20 -b 10 in.tif out.tif',
    );
  }
  const bands = bandReading(metadata, directory, requested);
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
    page: inFile,
    hasUnknownCodec: directories.some(hasUnknownCodec),
    copies,
    depth: metadata.depth,
    space: metadata.space,
    nodata: nodataOf(directory, metadata.depth),
    bands,
    notes: [...(pages > 1 ? [pageNote(format, page, pages)] : []), ...bands.notes],
  };
}

/** libvips inverts samples whose 0 is white. */
function nodataOf(directory: TiffDirectory | null, depth: string): number | null {
  if (!directory || directory.nodata === null) return null;
  return directory.photometric === 0 && depth === 'ushort' ? 65_535 - directory.nodata : directory.nodata;
}

async function formatOf(metadata: Metadata, path: string): Promise<FormatName> {
  for (const [name, { matches }] of Object.entries<Format>(FORMATS)) if (matches(metadata)) return name as FormatName;
  throw await noImage(path);
}

function pageNote(format: FormatName, page: number, pages: number): string {
  const { unit } = FORMATS[format];
  return page === 0 ? `Analyzed only the first of ${pages} ${unit}s.` : `Analyzed only ${unit} ${page + 1} of ${pages}.`;
}

/** Bits of tag 254. */
const MASK = 4;

/** The pages that are no masks. */
function pagesOf(directories: readonly TiffDirectory[]): number[] {
  return directories.flatMap(({ subfileType }, page) => ((subfileType & MASK) === 0 ? [page] : []));
}

/** The levels of a pyramid are pages too, each half of the one before. */
function copiesIn(directories: readonly TiffDirectory[], imagePages: readonly number[]): ImageFacts['copies'] {
  const copies: ImageFacts['copies'] = [];
  let before: TiffDirectory | null = null;
  for (const page of imagePages) {
    const directory = at(directories, page);
    const { width, height } = directory;
    if (before) {
      const halves = Math.abs(width * 2 - before.width) <= 2 && Math.abs(height * 2 - before.height) <= 2;
      if (!halves || width * height >= before.width * before.height) return []; // pages, not copies
      copies.push({ page });
    }
    before = directory;
  }
  return copies;
}

async function metadataOf(path: string, page: number): Promise<Metadata> {
  try {
    return await sharp(path, { limitInputPixels: false, limitInputChannels: false, page }).metadata();
  } catch (cause) {
    throw await noImage(path, cause);
  }
}

async function noImage(path: string, cause?: unknown): Promise<UserError> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(FORMAT_BYTES), 0, FORMAT_BYTES, 0);
  return new UserError(noImageSentence(buffer.toString('latin1', 0, bytesRead)), { cause });
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
