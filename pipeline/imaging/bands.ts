// Decides which bands of an image are shown, and which are transparency. Pure: goes by the header.
import { UserError } from '../contract/errors.ts';
import type { TiffDirectory } from './tiff-tags.ts';

/** Hyperspectral images have a few hundred bands. All are decoded to show three. */
export const BANDS_MAX = 256;

/** How the samples of an image become colors. */
export interface BandReading {
  /** As stored, transparency included. */
  count: number;
  /** The last band is transparency. */
  hasAlpha: boolean;
  /** The bands behind the color bands are dropped as a whole. */
  dropsExtraBands: boolean;
  /** Bands to read one by one, from 1: red, green and blue, or gray. `null` if the decoder's own reading is right. */
  picked: number[] | null;
  /** All picked bands get the same stretch, so that colors stay. */
  keepsColors: boolean;
  notes: string[];
}

/** The part of sharp's metadata that decides. */
export interface SampleHeader {
  channels: number;
  depth: string;
  space: string;
  hasAlpha: boolean;
}

/** Color bands by the photometric interpretation of a TIFF: RGB, CMYK, YCbCr, CIELAB. Gray has one. */
const COLOR_BANDS: Readonly<Record<number, number>> = { 2: 3, 5: 4, 6: 3, 8: 3, 9: 3, 10: 3 };

/** libvips decodes the indexes of a palette to colors. */
const PALETTE = 3;

/**
 * `requested` are bands from 1: one or three. `directory` is the page of a TIFF; `null` for other formats, which define what is alpha.
 * Throws a UserError if a requested band does not exist.
 */
export function bandReading(
  header: SampleHeader,
  directory: TiffDirectory | null,
  requested: readonly number[] | undefined,
): BandReading {
  const { channels, depth } = header;
  const declared = directory && directory.photometric !== PALETTE ? (COLOR_BANDS[directory.photometric] ?? 1) : null;
  const colors = declared ?? channels - (header.hasAlpha ? 1 : 0);
  const extra = Math.max(0, channels - colors);
  const extraKinds = directory?.extraSamples ?? [];
  const hasAlpha = declared !== null ? extra === 1 && isAlpha(extraKinds.at(-1)) : header.hasAlpha;
  const reading = { count: channels, hasAlpha, dropsExtraBands: false, picked: null, keepsColors: colors === 3, notes: [] };
  if (requested) {
    const missing = requested.find((band) => band > channels);
    if (missing !== undefined) {
      throw new UserError(`Band ${missing} does not exist. The image has ${channels}; choose bands from 1 to ${channels}.`);
    }
    return { ...reading, hasAlpha: false, picked: [...requested], keepsColors: false, notes: [bandNote(requested, channels)] };
  }
  const isPlainDepth = depth === 'uchar' || depth === 'ushort' || header.space === 'labs';
  if (isPlainDepth && (extra === 0 || hasAlpha)) return reading;
  const shown = colors === 3 || (colors === 1 && channels >= 3) ? [1, 2, 3] : [1];
  const notes = channels > shown.length ? [bandNote(shown, channels)] : [];
  if (colors > 3 || (depth === 'uchar' && (colors === 3 || channels === 2))) {
    const kept = Array.from({ length: colors }, (_, index) => index + 1);
    return { ...reading, dropsExtraBands: true, notes: extra > 0 ? [bandNote(kept, channels)] : [] };
  }
  return { ...reading, hasAlpha: false, picked: shown, notes };
}

function isAlpha(kind: number | undefined): boolean {
  return kind === 1 || kind === 2;
}

function bandNote(shown: readonly number[], count: number): string {
  const colors =
    shown.length === 3
      ? `bands ${shown.join(', ')} as red, green, blue`
      : `band${shown.length === 1 ? '' : 's'} ${shown.join(', ')}`;
  const left = Array.from({ length: count }, (_, index) => index + 1).filter((band) => !shown.includes(band));
  const leftOut = left.length === 0 ? '' : `; left out ${left.length === 1 ? 'band' : 'bands'} ${ranges(left)}`;
  return `The image has ${count} ${count === 1 ? 'band' : 'bands'}. Analyzed ${colors}${leftOut}. The parameter bands chooses them.`;
}

/** [4, 5, 6, 8] is "4-6, 8". */
function ranges(numbers: readonly number[]): string {
  const parts: string[] = [];
  for (let start = 0; start < numbers.length; ) {
    let end = start;
    while (end + 1 < numbers.length && numbers[end + 1] === (numbers[end] ?? 0) + 1) end++;
    parts.push(end === start ? `${numbers[start]}` : `${numbers[start]}-${numbers[end]}`);
    start = end + 1;
  }
  return parts.join(', ');
}
