// Turns JPEG bytes into the numbers that models expect. Knows sharp and memory layouts; knows no model.
import sharp, { type Sharp } from 'sharp';
import { lru } from '../../contract/lru.ts';
import type { Jpeg } from '../../ports.ts';

// sharp's own cache would only hold memory: a tile that is needed again is kept decoded.
sharp.cache(false);

const TILE_PIXELS_MAX = 4_096 * 4_096; // 50 MB as RGB; a tile is 0.4 megapixels, an overview about 4

/** RGB bytes, row by row. */
export interface Pixels {
  rgb: Uint8Array;
  width: number;
  height: number;
}

/** From this factor on, the JPEG decoder itself makes an image smaller, which is faster than to decode all of it. */
const DECODER_SHRINKS = 2;

/** By the bytes: the models of a tile run one after another, and each would decode it again. */
const lastDecoded = lru<Uint8Array, Promise<Pixels>>(1);

/** Nothing may write to its pixels. Throws if the bytes are not an image, or one of more than 16 megapixels. */
export async function decode({ bytes }: Jpeg): Promise<Pixels> {
  const decoded = lastDecoded.get(bytes) ?? rgb(sharp(bytes, { limitInputPixels: TILE_PIXELS_MAX }));
  lastDecoded.set(bytes, decoded);
  return await decoded;
}

/** Decodes to exactly this size. The aspect ratio may change. */
export async function decodeTo(image: Jpeg, width: number, height: number): Promise<Pixels> {
  if (image.width < DECODER_SHRINKS * width && image.height < DECODER_SHRINKS * height) {
    return await resize(await decode(image), width, height);
  }
  const decoded = sharp(image.bytes, { limitInputPixels: TILE_PIXELS_MAX });
  return rgb(decoded.resize(width, height, { fit: 'fill', kernel: 'linear' }));
}

export async function resize(pixels: Pixels, width: number, height: number): Promise<Pixels> {
  if (width === pixels.width && height === pixels.height) return pixels;
  return rgb(fromPixels(pixels).resize(width, height, { fit: 'fill', kernel: 'linear' }));
}

/** The size with the same aspect ratio whose longer side is clamped between the two edges. */
export function scaled(
  size: { width: number; height: number },
  edgeMin: number,
  edgeMax: number,
): { width: number; height: number } {
  const edge = Math.max(size.width, size.height);
  const scale = Math.min(Math.max(edge, edgeMin), edgeMax) / edge;
  return { width: Math.max(1, Math.round(size.width * scale)), height: Math.max(1, Math.round(size.height * scale)) };
}

/** The normalized value of each byte of a channel: (byte - mean) / deviation. */
export type ChannelTable = Float32Array;

export function channelTable(mean: number, deviation: number): ChannelTable {
  return Float32Array.from({ length: 256 }, (_, byte) => (byte - mean) / deviation);
}

/** Tables in the order of the planes: blue, green, red. */
export type BgrTables = readonly [ChannelTable, ChannelTable, ChannelTable];

export interface Planes {
  /** Three planes of `width` x `height`: blue, green, red. */
  values: Float32Array;
  width: number;
  height: number;
}

/** By length. Planes of 5 MB for every tile made V8 collect garbage at each of them: a tenth of the time. */
const sparePlanes = lru<number, Float32Array>(4);

function borrowed(length: number): Float32Array {
  const spare = sparePlanes.get(length);
  sparePlanes.delete(length);
  return spare ?? new Float32Array(length);
}

/** For planes that nothing reads any more: the next ones of their size overwrite them. */
export function giveBack({ values }: Planes): void {
  sparePlanes.set(values.length, values);
}

/**
 * Normalized planes of the image's own size, or padded at the right and below with the gray byte `fill` until both sides are multiples
 * of `multiple`.
 */
export function bgrPlanes(pixels: Pixels, [blues, greens, reds]: BgrTables, padding = { fill: 0, multiple: 1 }): Planes {
  const width = roundUp(pixels.width, padding.multiple);
  const height = roundUp(pixels.height, padding.multiple);
  const plane = width * height;
  const values = borrowed(3 * plane);
  if (plane > pixels.width * pixels.height) {
    [blues, greens, reds].forEach((table, index) => {
      values.fill(valueAt(table, padding.fill), index * plane, (index + 1) * plane);
    });
  }
  const { rgb } = pixels;
  for (let y = 0, from = 0; y < pixels.height; y++) {
    for (let to = y * width, end = to + pixels.width; to < end; to++, from += 3) {
      values[to] = valueAt(blues, byteAt(rgb, from + 2));
      values[plane + to] = valueAt(greens, byteAt(rgb, from + 1));
      values[2 * plane + to] = valueAt(reds, byteAt(rgb, from));
    }
  }
  return { values, width, height };
}

// As `at`, for inner loops: the compiler inlines a function that only ever gets one kind of array. Buffer.readUInt8 made bgrPlanes
// 7 times slower.

export function byteAt(bytes: Uint8Array, index: number): number {
  const byte = bytes[index];
  if (byte === undefined) throw new RangeError(`No byte ${index} among ${bytes.length}.`);
  return byte;
}

export function valueAt(values: Float32Array, index: number): number {
  const value = values[index];
  if (value === undefined) throw new RangeError(`No value ${index} among ${values.length}.`);
  return value;
}

function roundUp(length: number, multiple: number): number {
  return Math.ceil(length / multiple) * multiple;
}

async function rgb(image: Sharp): Promise<Pixels> {
  const { data, info } = await image.toColourspace('srgb').removeAlpha().raw().toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new Error(`A decoded image must have 3 channels, not ${info.channels}.`);
  return { rgb: data, width: info.width, height: info.height };
}

function fromPixels({ rgb, width, height }: Pixels): Sharp {
  return sharp(rgb, { raw: { width, height, channels: 3 } });
}
