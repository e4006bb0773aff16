// Every accepted format, in every orientation that it can store and in odd sizes: upright, in sRGB, at the right pixel.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, test } from 'vitest';
import type { AnalysisRequest } from '../../pipeline/contract/schemas.ts';
import { FORMATS } from '../../pipeline/imaging/formats.ts';
import { readHeader } from '../../pipeline/imaging/image-reader.ts';
import { writePyramid } from '../../pipeline/imaging/pyramid.ts';
import { fileSource, openSzi } from '../../pipeline/imaging/szi/szi.ts';
import { tilesOf } from '../../pipeline/planning/grid.ts';
import { DEFAULT_LIMITS } from '../../pipeline/planning/image-limits.ts';
import { planTiles } from '../../pipeline/planning/plan.ts';
import { temporaryFolder } from '../support/folder.ts';

const LIMITS = { ...DEFAULT_LIMITS, pixelsMax: 1_000_000 };
const GRAY = 128;
const TILE_SIZE = 128;
/** For the long images: 20,000 pixels make some twenty tiles then, not two hundred. */
const LARGE_TILE_SIZE = 1_024;
const WISHES: AnalysisRequest['plan'] = {
  detail: 'standard',
  tile_size: TILE_SIZE,
  overlap: 32,
  grid: null,
  region: null,
  max_tiles: null,
  skip_blank: false,
};

interface Raster {
  width: number;
  height: number;
  data: Buffer;
}
interface Drawing {
  draw(image: Raster, orientation: number): Promise<Buffer>;
  orientations?: number[];
  /** The longest side that the format can store. */
  sideMaxPx?: number;
  notes?: string[];
  /** The value of the background, if it is not gray. */
  ground?: number;
}

const inSharp = ({ data, width, height }: Raster) => sharp(data, { raw: { width, height, channels: 3 } });
const encoded = (encode: (image: Sharp) => Sharp): Pick<Drawing, 'draw'> => ({
  draw: (image, orientation) => encode(inSharp(image)).withMetadata({ orientation }).toBuffer(),
});
const UPRIGHT = { orientations: [1] };

/** The marker on a transparent background. */
const cutOut = ({ data, width, height }: Raster): Sharp => {
  const pixels = Buffer.alloc(width * height * 4);
  for (let pixel = 0; pixel < width * height; pixel++) {
    if (data[pixel * 3] !== GRAY) pixels.set([...data.subarray(pixel * 3, pixel * 3 + 3), 255], pixel * 4);
  }
  return sharp(pixels, { raw: { width, height, channels: 4 } });
};

async function frames(image: Raster, format: 'gif' | 'webp' | 'tiff'): Promise<Buffer> {
  const first = await inSharp(image).png().toBuffer();
  const others = ['#0000ff', '#00ff00'].map((background) =>
    sharp({ create: { width: image.width, height: image.height, channels: 3, background } })
      .png()
      .toBuffer(),
  );
  return await sharp([first, ...(await Promise.all(others))], { join: { animated: true } })
    .toFormat(format)
    .toBuffer();
}

/** A TIFF with 16 bits per sample, which sharp does not write: one strip, uncompressed, little-endian. */
function tiff16({ data, width, height }: Raster, orientation: number, bits: number): Buffer {
  const tags: [tag: number, type: 3 | 4, count: number, value: number][] = [
    [256, 4, 1, width],
    [257, 4, 1, height],
    [258, 3, 3, 8 + 2 + 10 * 12 + 4],
    [259, 3, 1, 1],
    [262, 3, 1, 2],
    [273, 4, 1, 8 + 2 + 10 * 12 + 4 + 6],
    [274, 3, 1, orientation],
    [277, 3, 1, 3],
    [278, 4, 1, height],
    [279, 4, 1, data.length * 2],
  ];
  const head = Buffer.alloc(8 + 2 + tags.length * 12 + 4 + 6);
  head.write('II*\0\x08\0\0\0', 'latin1');
  head.writeUInt16LE(tags.length, 8);
  for (const [index, [tag, type, count, value]] of tags.entries()) {
    const at = 10 + index * 12;
    head.writeUInt16LE(tag, at);
    head.writeUInt16LE(type, at + 2);
    head.writeUInt32LE(count, at + 4);
    head.writeUInt32LE(value, at + 8);
  }
  for (const sample of [0, 1, 2]) head.writeUInt16LE(16, head.length - 6 + sample * 2);
  return Buffer.concat([head, samples16(data, bits)]);
}

/** Samples that use `bits` of 16, in the machine's byte order. */
function samples16(data: Buffer, bits: number): Buffer {
  return Buffer.from(Uint16Array.from(data, (sample) => Math.round((sample / 255) * (2 ** bits - 1))).buffer);
}

async function png16({ data, width, height }: Raster, orientation: number, bits: number): Promise<Buffer> {
  const samples = samples16(data, bits);
  const raw = { width, height, channels: 3 } as const;
  return await sharp(new Uint16Array(samples.buffer, samples.byteOffset, data.length), { raw })
    .toColourspace('rgb16')
    .withMetadata({ orientation })
    .png()
    .toBuffer();
}

const CORPUS: Record<string, Drawing> = {
  'jpeg 4:2:0': encoded((image) => image.jpeg()),
  'jpeg 4:4:4': encoded((image) => image.jpeg({ chromaSubsampling: '4:4:4' })),
  'jpeg progressive': encoded((image) => image.jpeg({ progressive: true })),
  'jpeg in CMYK': encoded((image) => image.toColourspace('cmyk').jpeg()),
  'jpeg in Display P3': encoded((image) => image.withIccProfile('p3').jpeg()),
  'png 8 bits': encoded((image) => image.png()),
  'png palette': encoded((image) => image.png({ palette: true, dither: 0 })),
  'png interlaced': encoded((image) => image.png({ progressive: true })),
  'png with alpha': {
    draw: (image, orientation) => cutOut(image).withMetadata({ orientation }).png().toBuffer(),
    ground: 255,
  },
  'png 16 bits': { draw: (image, orientation) => png16(image, orientation, 16) },
  'png 12 bits in 16': { draw: (image, orientation) => png16(image, orientation, 12) },
  'webp lossy': { ...encoded((image) => image.webp({ quality: 95 })), sideMaxPx: 16_383 },
  'webp lossless': { ...encoded((image) => image.webp({ lossless: true })), sideMaxPx: 16_383 },
  'webp with alpha': {
    draw: (image, orientation) => cutOut(image).withMetadata({ orientation }).webp({ lossless: true }).toBuffer(),
    sideMaxPx: 16_383,
    ground: 255,
  },
  'webp animated': {
    draw: (image) => frames(image, 'webp'),
    ...UPRIGHT,
    sideMaxPx: 16_383,
    notes: ['Analyzed only the first of 3 frames.'],
  },
  gif: { draw: (image) => inSharp(image).gif({ dither: 0 }).toBuffer(), ...UPRIGHT },
  'gif animated': { draw: (image) => frames(image, 'gif'), ...UPRIGHT, notes: ['Analyzed only the first of 3 frames.'] },
  'tiff in strips': encoded((image) => image.tiff({ compression: 'deflate' })),
  'tiff in tiles': encoded((image) => image.tiff({ compression: 'lzw', tile: true, tileWidth: 64, tileHeight: 64 })),
  'tiff as a pyramid': encoded((image) =>
    image.tiff({ compression: 'lzw', pyramid: true, tile: true, tileWidth: 64, tileHeight: 64 }),
  ),
  'tiff in CMYK': encoded((image) => image.toColourspace('cmyk').tiff()),
  'tiff of 3 pages': { draw: (image) => frames(image, 'tiff'), ...UPRIGHT, notes: ['Analyzed only the first of 3 pages.'] },
  'tiff 16 bits': { draw: async (image, orientation) => tiff16(image, orientation, 16) },
  'tiff 12 bits in 16': { draw: async (image, orientation) => tiff16(image, orientation, 12) },
  avif: { ...encoded((image) => image.avif({ quality: 90, effort: 0 })), sideMaxPx: 16_384 },
};

/** The stored pixel that is at x, y of the upright image. `width` and `height` are those of the stored image. */
const STORED_AT: Record<number, (x: number, y: number, width: number, height: number) => [number, number]> = {
  1: (x, y) => [x, y],
  2: (x, y, width) => [width - 1 - x, y],
  3: (x, y, width, height) => [width - 1 - x, height - 1 - y],
  4: (x, y, _, height) => [x, height - 1 - y],
  5: (x, y) => [y, x],
  6: (x, y, _, height) => [y, height - 1 - x],
  7: (x, y, width, height) => [width - 1 - y, height - 1 - x],
  8: (x, y, width) => [width - 1 - y, x],
};
const ORIENTATIONS = Object.keys(STORED_AT).map(Number);

/** Gray, with a red block of up to 16 pixels around `marker`. */
function uprightRaster(width: number, height: number, marker: [number, number]): Raster {
  const data = Buffer.alloc(width * height * 3, GRAY);
  for (let y = Math.max(0, marker[1] - 8); y < Math.min(height, marker[1] + 8); y++) {
    for (let x = Math.max(0, marker[0] - 8); x < Math.min(width, marker[0] + 8); x++) data.set([255, 0, 0], (y * width + x) * 3);
  }
  return { width, height, data };
}

function storedRaster(upright: Raster, orientation: number): Raster {
  const [width, height] = orientation > 4 ? [upright.height, upright.width] : [upright.width, upright.height];
  const data = Buffer.alloc(upright.data.length);
  for (let y = 0; y < upright.height; y++) {
    for (let x = 0; x < upright.width; x++) {
      const [storedX, storedY] = STORED_AT[orientation]?.(x, y, width, height) ?? [x, y];
      const from = (y * upright.width + x) * 3;
      upright.data.copy(data, (storedY * width + storedX) * 3, from, from + 3);
    }
  }
  return { width, height, data };
}

/** The color of a pixel of the full image, from every tile of the finest level that shows it. */
async function colorsAt(path: string, points: [number, number][]) {
  const file = { path, page: 0, limits: LIMITS };
  const { width, height, notes } = await readHeader(file);
  const tile_size = Math.max(width, height) > 2_000 ? LARGE_TILE_SIZE : TILE_SIZE;
  const plan = planTiles({ width, height }, { ...WISHES, tile_size }, { edgePx: 128, overlapPx: 32 });
  await writePyramid(file, `${path}.szi`, plan);
  const szi = await openSzi(await fileSource(`${path}.szi`), plan);
  const colors = points.map(async ([x, y]) => {
    const showing = tilesOf(plan).filter(
      ({ level, box: [left, top, wide, high] }) => level === 0 && x >= left && x < left + wide && y >= top && y < top + high,
    );
    const seen = showing.map(async ({ level, row, column, box }) => {
      const pixels = await sharp(await szi.readTile(level, row, column))
        .raw()
        .toBuffer();
      const at = ((y - box[1]) * box[2] + x - box[0]) * 3;
      return [...pixels.subarray(at, at + 3)];
    });
    return await Promise.all(seen);
  });
  return { width, height, notes, colors: await Promise.all(colors) };
}

const near = (color: number[], wanted: number[]) =>
  color.every((channel, index) => Math.abs(channel - (wanted[index] ?? Number.NaN)) < 60);

async function expectUpright(format: Drawing, upright: Raster, orientation: number, marker: [number, number]) {
  const path = join(await temporaryFolder(), 'image');
  await writeFile(path, await format.draw(storedRaster(upright, orientation), orientation));
  const { width, height } = upright;
  const opposite: [number, number] = [width - 1 - marker[0], height - 1 - marker[1]];
  const hasGround = width * height > 1;
  const seen = await colorsAt(path, hasGround ? [marker, opposite] : [marker]);
  expect({ width: seen.width, height: seen.height, notes: seen.notes }).toEqual({ width, height, notes: format.notes ?? [] });
  const [red = [], ground = []] = seen.colors;
  expect(red.length).toBeGreaterThan(0);
  expect(red.filter((color) => !near(color, [255, 0, 0]))).toEqual([]);
  const expected = format.ground ?? GRAY;
  expect(ground.filter((color) => !near(color, [expected, expected, expected]))).toEqual([]);
  expect(ground.length > 0).toBe(hasGround);
}

describe.each(Object.entries(CORPUS))('%s', (_, format) => {
  test.each(format.orientations ?? ORIENTATIONS)('is shown upright, orientation %i', async (orientation) => {
    const marker: [number, number] = [211, 42];
    await expectUpright(format, uprightRaster(301, 173, marker), orientation, marker);
  });

  test.each<[string, number, number, [number, number]]>([
    ['1 x 1', 1, 1, [0, 0]],
    ['1 x 20,000', 1, 20_000, [0, 13_337]],
    ['20,000 x 1', 20_000, 1, [13_337, 0]],
  ])('is shown in %s', async (_size, width, height, marker) => {
    const side = Math.min(format.sideMaxPx ?? 20_000, 20_000);
    const size = [Math.min(width, side), Math.min(height, side)] as const;
    for (const orientation of format.orientations ? [1] : [1, 6])
      await expectUpright(format, uprightRaster(...size, marker), orientation, marker);
  });
});

test.each(Object.keys(FORMATS))('the accepted format %s is in the corpus', (name) => {
  expect(Object.keys(CORPUS).filter((drawing) => drawing.split(' ')[0] === name)).not.toEqual([]);
});
