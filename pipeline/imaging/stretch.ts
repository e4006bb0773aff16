// Shows samples of more than 8 bits in the range that they use, and joins chosen bands to colors. Knows sharp, but no plans.
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { at } from '../contract/at.ts';
import { BANDS_MAX } from './bands.ts';
import type { ImageFile } from './decoder-limits.ts';
import type { ImageFacts } from './image-header.ts';
import { rangeNotes, type SampleRange, sampleRange } from './sample-range.ts';

/** Enough samples for percentiles of a thousandth. */
const RANGE_COPY_PIXELS = 1_000_000;
/** Added to signed 16-bit samples, because sharp clips gray ones below 0. */
const SIGNED_16_OFFSET = 32_768;

/** One page of a file, and what its header says. */
export interface OpenedPage {
  file: ImageFile;
  facts: ImageFacts;
  /** The page of the image, or of a smaller copy of it. */
  page: number;
  /** What ends the decoding. libtiff reports damaged data only with `warning`. */
  failOn: 'warning' | 'error' | 'truncated';
  /** Gets the decoder's warnings. */
  warn(warning: string): void;
}

export interface Shown {
  image: Sharp;
  /** How the samples were stretched. */
  notes: string[];
}

function openPage({ file, page, failOn, warn }: OpenedPage, options: { ignoreIcc?: boolean } = {}): Sharp {
  const { path, limits } = file;
  const input = { limitInputPixels: limits.pixelsMax, limitInputChannels: BANDS_MAX, failOn, page, ...options };
  return sharp(path, input).timeout({ seconds: limits.decodeSecondsMax }).on('warning', warn);
}

/** The decoder's own reading of the colors, upright and on white. All colors of a 16-bit image get the same stretch. */
export async function wholeImage(opened: OpenedPage): Promise<Shown> {
  const { depth, space, nodata, bands, width, height, orientation } = opened.facts;
  const oriented = openPage(opened).autoOrient();
  const image = bands.dropsExtraBands ? oriented.removeAlpha() : oriented.flatten({ background: '#ffffff' });
  if (depth !== 'ushort' || !['grey16', 'rgb16'].includes(space)) return { image, notes: [] };
  const stored = orientation > 4 ? { width: height, height: width } : { width, height };
  const { data, info } = await reduced(openPage(opened), stored)
    .toColourspace('rgb16')
    .raw({ depth: 'ushort' })
    .toBuffer({ resolveWithObject: true });
  const samples = new Uint16Array(data.buffer, data.byteOffset, info.width * info.height * info.channels);
  const range = sampleRange(visible(samples, info.channels, nodata), 'unsigned16');
  const notes = rangeNotes([{ bands: null, range }], nodata);
  if (range.kind === 'full') return { image, notes };
  const factor = 65_535 / (range.high - range.low);
  return { image: image.linear(factor, -range.low * factor), notes };
}

/** The colors of all pixels that are not transparent, without nodata. */
function visible(samples: Uint16Array, channels: number, nodata: number | null): Float32Array {
  const colors = channels === 4 ? 3 : channels;
  const isVisible = (sample: number, index: number) => {
    const band = index % channels;
    return band < colors && sample !== nodata && (colors === channels || at(samples, index - band + colors) !== 0);
  };
  return Float32Array.from(samples.filter(isVisible));
}

interface BandFile {
  band: number;
  path: string;
  /** All over the band, in the values of the image. Without nodata. */
  samples: Float32Array;
  /** The file holds the values of the image plus this. */
  offset: number;
}

/** Decodes each picked band into a file in `folder`, and joins them to colors. The image is upright and reads these files. */
export async function joinedBands(opened: OpenedPage, picked: readonly number[], folder: string): Promise<Shown> {
  const { facts, file, warn } = opened;
  const files: BandFile[] = [];
  for (const band of picked) files.push(await writeBand(opened, band, join(folder, `band-${files.length}.tif`)));
  const three = files.length === 3 ? files : files.concat(files, files);
  const input = { limitInputPixels: file.limits.pixelsMax };
  const [red, ...others] = three.map(({ path }) => path);
  const image = sharp(red, input)
    .timeout({ seconds: file.limits.decodeSecondsMax })
    .on('warning', warn)
    .joinChannel(others, input)
    .toColourspace('srgb');
  if (facts.depth === 'uchar') return { image, notes: [] };
  const ranges = rangesOf(files, facts);
  const factors = three.map(({ band }) => 255 / width(rangeOf(band, ranges)));
  const offsets = three.map(({ band, offset }, index) => -(rangeOf(band, ranges).low + offset) * at(factors, index));
  return { image: image.linear(factors, offsets), notes: rangeNotes(ranges, facts.nodata) };
}

interface BandRange {
  /** `null` for all of them. */
  bands: number[] | null;
  range: SampleRange;
}

const width = ({ low, high }: SampleRange) => high - low;

function rangeOf(band: number, ranges: readonly BandRange[]): SampleRange {
  const found = ranges.find(({ bands }) => bands === null || bands.includes(band));
  if (!found) throw new RangeError(`No range for band ${band}.`);
  return found.range;
}

/** One range for the bands of a color image, so that its colors stay. Bands of different sensors have a range each. */
function rangesOf(files: readonly BandFile[], { depth, bands }: ImageFacts): BandRange[] {
  const kind = depth === 'ushort' ? 'unsigned16' : depth === 'float' ? 'float' : 'integer';
  if (bands.keepsColors || files.length === 1) {
    const samples = Float32Array.from(files.flatMap((file) => [...file.samples]));
    return [{ bands: null, range: sampleRange(samples, kind) }];
  }
  return files.map(({ band, samples }) => ({ bands: [band], range: sampleRange(samples, kind) }));
}

async function writeBand(opened: OpenedPage, band: number, path: string): Promise<BandFile> {
  const { facts } = opened;
  const { space } = facts;
  const isSignedGray = facts.depth === 'short' && space === 'grey16';
  const own = openPage(opened, { ignoreIcc: true }).pipelineColourspace(space).toColourspace(space).autoOrient();
  const each = (value: number) => Array.from({ length: facts.channels }, () => value);
  const shifted = isSignedGray ? own.linear(each(1), each(SIGNED_16_OFFSET)) : own;
  await bandFrom(shifted, band).tiff({ compression: 'none', bigtiff: true }).toFile(path);
  const offset = isSignedGray ? SIGNED_16_OFFSET : 0;
  return { band, path, samples: facts.depth === 'uchar' ? new Float32Array() : await samplesIn(path, offset, facts), offset };
}

/** sharp checks that the band is one of the first five, but extracts any: the option is set past that check. A test picks band 7. */
function bandFrom(image: Sharp, band: number): Sharp {
  const first = image.extractChannel(0);
  Object.assign(Reflect.get(first, 'options'), { extractChannel: band - 1 });
  return first;
}

async function samplesIn(path: string, offset: number, facts: ImageFacts): Promise<Float32Array> {
  const stored = await sharp(path, { limitInputPixels: false }).metadata();
  const isSigned = stored.depth === 'short';
  const image = reduced(sharp(path, { limitInputPixels: false }), stored)
    .pipelineColourspace(stored.space)
    .toColourspace(stored.space);
  const { data, info } = await (isSigned ? image.linear(1, SIGNED_16_OFFSET) : image)
    .raw({ depth: 'float' })
    .toBuffer({ resolveWithObject: true });
  const shift = offset + (isSigned ? SIGNED_16_OFFSET : 0);
  const nodata = facts.nodata === null ? null : Math.fround(facts.nodata);
  return new Float32Array(data.buffer, data.byteOffset, info.width * info.height)
    .map((sample) => sample - shift)
    .filter((sample) => sample !== nodata);
}

/** Takes every nth pixel, so that samples stay what they are. */
function reduced(image: Sharp, size: { width: number; height: number }): Sharp {
  const scale = Math.min(1, Math.sqrt(RANGE_COPY_PIXELS / (size.width * size.height)));
  const [width, height] = [size.width, size.height].map((side) => Math.max(1, Math.round(side * scale)));
  return image.resize({ width: width ?? 1, height: height ?? 1, fit: 'fill', kernel: 'nearest' });
}
