// Opens images that came from outside: by an allow-listed loader, within the limits, upright. Knows sharp; knows nothing of plans.
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { at } from '../contract/at.ts';
import { withCapacityAdvice } from '../contract/disk-errors.ts';
import { sentenceOf, UserError } from '../contract/errors.ts';
import type { Jpeg } from '../ports.ts';
import { bandFileBytes, type ImageFile } from './decoder-limits.ts';
import type { ImageHeader } from './decoding/decoder-messages.ts';
import { type ImageFacts, readFacts } from './image-header.ts';
import { checkDecoder, checkFile, checkPages, checkPixels } from './limit-checks.ts';
import { joinedBands, type OpenedPage, wholeImage } from './stretch.ts';

/**
 * Reads only the header. Throws a UserError if the file is not an accepted image, or exceeds a limit. Nothing interrupts it: for a file
 * that no step has checked, use headers/header-reader.ts.
 */
export async function readHeader(file: ImageFile): Promise<ImageHeader> {
  const facts = await checkedFacts(file);
  const { format, width, height, notes } = facts;
  return { format, width, height, notes, temporaryBytes: bandFileBytes(facts) };
}

/** How large the image is wanted: scaled down by 2 to the power of `level`, or to at most `edgePx` on its longer side. */
export type WantedSize = { level: number } | { edgePx: number };

/**
 * Decodes one frame or page for `use`: upright, in 8-bit sRGB, on white where it is transparent. Throws what `readHeader` throws, and a
 * UserError if the data is damaged. Returns notes on how its samples were understood.
 */
export async function decodeImage(
  file: ImageFile,
  wanted: WantedSize,
  scratchFolder: string,
  use: (image: Sharp) => Promise<unknown>,
): Promise<string[]> {
  const folder = await mkdtemp(join(scratchFolder, 'bands-'));
  try {
    const facts = await checkedFacts(file);
    const attempt = { file, facts, wanted, folder, use };
    return await decodeOnce(attempt, 'warning').catch(async (cause: unknown) => {
      const doubts = doubtsIn(cause, facts);
      if (doubts.length === 0) throw cause;
      const notes = await decodeOnce(attempt, facts.hasUnknownCodec ? 'truncated' : 'error');
      if (facts.hasUnknownCodec) notes.push(UNCHECKED);
      return doubts.every((doubt) => HARMLESS.test(doubt)) ? notes : [...notes, IRREGULAR];
    });
  } catch (cause) {
    throw damagedImage(cause, file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Attempt {
  file: ImageFile;
  facts: ImageFacts;
  wanted: WantedSize;
  /** For temporary files. */
  folder: string;
  use(image: Sharp): Promise<unknown>;
}

async function decodeOnce({ file, facts, wanted, folder, use }: Attempt, failOn: OpenedPage['failOn']): Promise<string[]> {
  const warnings: string[] = [];
  const warn = (warning: string) => warnings.push(warning);
  const opened = { file, facts, page: pageFor(facts, wanted), failOn, warn };
  const { picked, dropsExtraBands } = facts.bands;
  const shown = picked ? await joinedBands(opened, picked, folder) : await wholeImage(opened);
  // sharp takes extra bands for transparency when it scales, and joins bands after it has scaled.
  const scalable = (picked || dropsExtraBands) && isScaled(wanted) ? await plainCopy(shown.image, folder, file) : shown.image;
  await use(scaled(scalable, facts, wanted).toColourspace('srgb'));
  if (warnings.some((warning) => MISSING_DATA.test(warning))) throw new Error(warnings.join(' '));
  return [...shown.notes, ...(warnings.some((warning) => /profile/i.test(warning)) ? [NO_PROFILE] : [])];
}

const IRREGULAR = 'The decoder found irregularities in the file and ignored them: parts of the image may be damaged.';
const UNCHECKED =
  'Another page of the file has a codec that cannot be decoded, so damage in the analyzed page would not be noticed.';
const NO_PROFILE = 'The color profile of the image cannot be used: colors may differ.';
const MISSING_DATA = /premature end/i;
/** Warnings about complete files, as phones, scanners and microscopes write them. Every other warning of a decoder means damage. */
const DOUBTS = [
  /Invalid SOS parameters/,
  /extraneous bytes before marker/,
  /does not end in null byte/,
  /tags are not sorted in ascending order/,
  /Unknown field with tag/,
];
/** Transparency is decided in bands.ts, and other pages do not matter. */
const HARMLESS = /doesn't match SamplesPerPixel|compression support is not configured/;
const WORDS_AROUND = /^(Warning treated as error.*|tiff2vips: read error|error in tile .*|read gave .* warnings|)$/;

/** What fails only the strictest reading and leaves the pixels whole. Empty if there is any other reason. */
function doubtsIn(cause: unknown, { hasUnknownCodec }: ImageFacts): string[] {
  if (!(cause instanceof Error)) return [];
  const lines = cause.message.split('\n').map((line) => line.trim());
  const reasons = lines.filter((line) => !WORDS_AROUND.test(line));
  const isDoubt = (reason: string) =>
    DOUBTS.some((doubt) => doubt.test(reason)) || (HARMLESS.test(reason) && (hasUnknownCodec || !reason.includes('compression')));
  return reasons.every(isDoubt) ? reasons : [];
}

function isScaled(wanted: WantedSize): boolean {
  return 'edgePx' in wanted || wanted.level > 0;
}

async function plainCopy(image: Sharp, folder: string, { limits }: ImageFile): Promise<Sharp> {
  const path = join(folder, 'plain.tif');
  await image.toColourspace('srgb').tiff({ compression: 'none', bigtiff: true }).toFile(path);
  return sharp(path, { limitInputPixels: limits.pixelsMax }).timeout({ seconds: limits.decodeSecondsMax });
}

function scaled(image: Sharp, facts: ImageFacts, wanted: WantedSize): Sharp {
  if ('edgePx' in wanted) return image.resize(wanted.edgePx, wanted.edgePx, { fit: 'inside', withoutEnlargement: true });
  if (wanted.level === 0) return image;
  const [width, height] = [Math.ceil(facts.width / 2 ** wanted.level), Math.ceil(facts.height / 2 ** wanted.level)];
  return image.resize(width, height, { fit: 'fill' });
}

/** The page of a pyramidal TIFF that already holds the wanted size, or the next larger one. */
function pageFor({ page, copies, width, height }: ImageFacts, wanted: WantedSize): number {
  const level = 'edgePx' in wanted ? Math.floor(Math.log2(Math.max(width, height) / wanted.edgePx)) : wanted.level;
  const copy = copies[Math.min(level, copies.length) - 1];
  return level > 0 && copy ? copy.page : page;
}

/** Our own error for a decoder's failure, with what the caller can do about it. */
function damagedImage(cause: unknown, { limits }: ImageFile): Error {
  const known = withCapacityAdvice(cause); // a full disk is no damage
  if (sentenceOf(known) !== null && known instanceof Error) return known;
  if (cause instanceof Error && cause.message.startsWith('timeout')) {
    const sentence = `Decoding the image takes longer than the limit of ${limits.decodeSecondsMax} s.`;
    return new UserError(`${sentence} Send a smaller image, or save it as JPEG.`, { cause });
  }
  return new UserError('The data of the image is damaged or cut off. Send the complete file again.', { cause });
}

/** A JPEG of at most `edgePx` on its longer side. Throws a UserError if the image is damaged. */
export async function smallCopy(file: ImageFile, edgePx: number, scratchFolder: string): Promise<Jpeg> {
  const copies: Jpeg[] = [];
  await decodeImage(file, { edgePx }, scratchFolder, async (image) => {
    const { data, info } = await image.jpeg({ quality: 90 }).toBuffer({ resolveWithObject: true });
    copies.push({ bytes: data, width: info.width, height: info.height });
  });
  return at(copies, 0);
}

/** One of our own JPEGs with its size. */
export async function jpegOf(bytes: Uint8Array): Promise<Jpeg> {
  const { width, height } = await sharp(bytes).metadata();
  return { bytes, width, height };
}

async function checkedFacts(file: ImageFile): Promise<ImageFacts> {
  const { page, limits } = file;
  await checkFile(file.path, limits);
  const facts = await readFacts(file);
  checkPixels(facts, limits);
  checkPages(facts, page);
  checkDecoder(facts, limits);
  return facts;
}
