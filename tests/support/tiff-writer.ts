// Writes TIFF files that sharp cannot: any samples, extra bands, layouts and tags, little-endian and uncompressed or deflated.
import { deflateSync } from 'node:zlib';
import { at } from '../../pipeline/contract/at.ts';

export type SampleType = 'uint' | 'int' | 'half' | 'float' | 'complex';

export interface TiffPage {
  width: number;
  height: number;
  /** One value per pixel and band, band by band for each pixel. */
  samples: ArrayLike<number>;
  bands: number;
  bits: 1 | 8 | 12 | 16 | 32 | 64;
  type?: SampleType;
  /** 0 white is zero, 1 black is zero, 2 RGB, 3 palette, 5 CMYK, 8 CIELAB. */
  photometric: number;
  /** Tag 338: 0 unspecified, 1 associated alpha, 2 alpha. `null`: the tag is missing. */
  extraSamples?: number[] | null;
  /** 1 none, 8 deflate; other numbers only claim a compression. */
  compression?: number;
  planar?: boolean;
  tiled?: boolean;
  orientation?: number;
  nodata?: string;
  /** Tag 330, as in raw files of cameras: the page is only their thumbnail. */
  hasSubDirectories?: boolean;
  /** Tag 320: red, then green, then blue of every index, from 0 to 65,535. */
  palette?: number[];
  /** Tag 254: 1 a smaller copy, 4 a mask. */
  subfileType?: number;
}

const TILE_PX = 128;
const ROWS_PER_STRIP = 64;

type Tag = [tag: number, type: 2 | 3 | 4, values: number[] | string];

/** A file of these pages, in this order. */
export function tiff(...pages: TiffPage[]): Buffer {
  const parts: Buffer[] = [Buffer.from('II*\0\0\0\0\0', 'latin1')];
  let length = 8;
  let pointer: [Buffer, number] = [at(parts, 0), 4];
  const append = (bytes: Buffer) => {
    const padded = bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(1)]);
    const offset = length;
    parts.push(padded);
    length += padded.length;
    return offset;
  };
  for (const page of pages) {
    const blocks = blocksOf(page).map((block) => (page.compression === 8 ? deflateSync(block) : block));
    const offsets = blocks.map(append);
    const tags = tagsOf(
      page,
      offsets,
      blocks.map((block) => block.length),
    );
    const directory = Buffer.alloc(2 + tags.length * 12 + 4);
    directory.writeUInt16LE(tags.length, 0);
    for (const [index, [tag, type, values]] of tags.entries()) {
      const bytes = valueBytes(type, values);
      const start = 2 + index * 12;
      directory.writeUInt16LE(tag, start);
      directory.writeUInt16LE(type, start + 2);
      directory.writeUInt32LE(typeof values === 'string' ? bytes.length : values.length, start + 4);
      if (bytes.length <= 4) bytes.copy(directory, start + 8);
      else directory.writeUInt32LE(append(bytes), start + 8);
    }
    pointer[0].writeUInt32LE(append(directory), pointer[1]);
    pointer = [directory, directory.length - 4];
  }
  return Buffer.concat(parts);
}

function tagsOf(page: TiffPage, offsets: number[], lengths: number[]): Tag[] {
  const { bands, planar = false, tiled = false } = page;
  const each = (value: number) => Array.from({ length: bands }, () => value);
  const tags: Tag[] = [
    [254, 4, [page.subfileType ?? 0]],
    [256, 4, [page.width]],
    [257, 4, [page.height]],
    [258, 3, each(page.bits)],
    [259, 3, [page.compression ?? 1]],
    [262, 3, [page.photometric]],
    [274, 3, [page.orientation ?? 1]],
    [277, 3, [bands]],
    [284, 3, [planar ? 2 : 1]],
    [339, 3, each({ uint: 1, int: 2, half: 3, float: 3, complex: 6 }[page.type ?? 'uint'])],
  ];
  if (tiled) tags.push([322, 4, [TILE_PX]], [323, 4, [TILE_PX]], [324, 4, offsets], [325, 4, lengths]);
  else tags.push([273, 4, offsets], [278, 4, [ROWS_PER_STRIP]], [279, 4, lengths]);
  if (page.extraSamples && page.extraSamples.length > 0) tags.push([338, 3, page.extraSamples]);
  if (page.hasSubDirectories) tags.push([330, 4, [8]]);
  if (page.palette) tags.push([320, 3, page.palette]);
  if (page.nodata !== undefined) tags.push([42_113, 2, page.nodata]);
  return tags.sort(([a], [b]) => a - b);
}

/** Strips or tiles, of all bands or one band after another. */
function blocksOf({ width, height, bands, samples, bits, type = 'uint', planar = false, tiled = false }: TiffPage): Buffer[] {
  const [wide, high] = tiled ? [TILE_PX, TILE_PX] : [width, ROWS_PER_STRIP];
  const all = Array.from({ length: bands }, (_, band) => band);
  const blocks: Buffer[] = [];
  for (const group of planar ? all.map((band) => [band]) : [all]) {
    for (let top = 0; top < height; top += high) {
      for (let left = 0; left < width; left += wide) {
        const rows = tiled ? high : Math.min(high, height - top);
        const line = Math.ceil((wide * group.length * bits) / 8);
        const block = Buffer.alloc(line * rows);
        for (let y = 0; y < rows && top + y < height; y++) {
          let bit = y * line * 8;
          for (let x = 0; x < wide; x++) {
            for (const band of group) {
              const value = left + x < width ? Number(samples[((top + y) * width + left + x) * bands + band]) : 0;
              writeSample(block, bit, value, bits, type);
              bit += bits;
            }
          }
        }
        blocks.push(block);
      }
    }
  }
  return blocks;
}

function writeSample(block: Buffer, bit: number, value: number, bits: TiffPage['bits'], type: SampleType): void {
  const byte = bit >> 3;
  if (bits === 1) block.writeUInt8(block.readUInt8(byte) | ((value & 1) << (7 - (bit & 7))), byte);
  else if (bits === 12) {
    const high = (bit & 7) === 0;
    if (high) {
      block.writeUInt8(value >> 4, byte);
      block.writeUInt8((value & 15) << 4, byte + 1);
    } else {
      block.writeUInt8(block.readUInt8(byte) | (value >> 8), byte);
      block.writeUInt8(value & 255, byte + 1);
    }
  } else if (type === 'complex') block.writeFloatLE(value, byte);
  else if (type === 'float') bits === 64 ? block.writeDoubleLE(value, byte) : block.writeFloatLE(value, byte);
  else if (type === 'int') block.writeIntLE(value, byte, bits / 8);
  else block.writeUIntLE(value, byte, bits / 8);
}

function valueBytes(type: 2 | 3 | 4, values: number[] | string): Buffer {
  if (typeof values === 'string') return Buffer.from(`${values}\0`, 'latin1');
  const size = type === 3 ? 2 : 4;
  const bytes = Buffer.alloc(values.length * size);
  for (const [index, value] of values.entries()) bytes.writeUIntLE(value, index * size, size);
  return bytes;
}
