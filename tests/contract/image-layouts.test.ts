// How images store their samples: the same four objects are found in every layout, or one exact sentence says why not.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { smallCopy } from '../../pipeline/imaging/image-reader.ts';
import { imageIn } from '../support/drawn.ts';
import { temporaryFolder } from '../support/folder.ts';
import { PRICED_MODELS, runPipeline } from '../support/pipeline-run.ts';
import { scriptedVision } from '../support/scripted-vision.ts';
import { detectSquares, SCENE, SQUARE_LABELS, sceneAt } from '../support/squares.ts';
import { type TiffPage, tiff } from '../support/tiff-writer.ts';

interface Layout {
  file: () => Buffer | Promise<Buffer>;
  bands?: number[];
  /** One gray band: the four squares are found, but not by their colors. */
  isGray?: boolean;
  notes?: (string | RegExp)[];
  /** The image cannot be read. */
  refused?: string;
}

type Look = Partial<TiffPage> & Pick<TiffPage, 'bands' | 'bits' | 'photometric'>;

/** A page of the scene. `value` makes a sample of a color from 0 to 255; bands behind the colors get `extra`. */
function page(look: Look, value = (color: number) => color, extra = 0, colors = Math.min(3, look.bands)): TiffPage {
  const { width, height } = SCENE;
  const samples = new Float64Array(width * height * look.bands);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const scene = sceneAt(pixel % width, Math.floor(pixel / width));
    for (let band = 0; band < look.bands; band++) {
      samples[pixel * look.bands + band] = band < colors ? value(scene[band] ?? 0) : extra;
    }
  }
  return { width, height, samples, ...look };
}

const drawn = (look: Look, value?: (color: number) => number, extra?: number, colors?: number) => () =>
  tiff(page(look, value, extra, colors));
const RGB = { bands: 3, bits: 8, photometric: 2 } as const;
const GRAY = { bands: 1, bits: 8, photometric: 1 } as const;
const scene = () => {
  const { samples, width, height } = page(RGB);
  return sharp(Uint8Array.from(samples), { raw: { width, height, channels: 3 } });
};

const shown = (bands: string, left: string, count: number) =>
  `The image has ${count} bands. Analyzed ${bands}; left out ${left}. The parameter bands chooses them.`;
const AS_RGB = 'bands 1, 2, 3 as red, green, blue';
const STRETCHED = /^The samples (of band \d )?from [\d,.-]+ to [\d,.-]+ were stretched from black to white\.$/;
const IRREGULAR = 'The decoder found irregularities in the file and ignored them: parts of the image may be damaged.';
const UNCHECKED =
  'Another page of the file has a codec that cannot be decoded, so damage in the analyzed page would not be noticed.';
const TWELVE_BITS = 'The samples use 12 of 16 bits and were scaled to full brightness.';
const GDAL = 'gdal_translate -co COMPRESS=DEFLATE -co INTERLEAVE=PIXEL -co TILED=YES';
const codec = (name: string) =>
  `The TIFF is compressed with ${name}, which cannot be decoded here. Convert it, for example with: ${GDAL} in.tif out.tif`;
/** Reflectance of a satellite: 10,000 is white, and most land is much darker. */
const reflectance = (color: number) => color * 12;

/** Pixels of a border that hold one value in all bands. */
function framed(framedPage: TiffPage, value: number, pixels: number): TiffPage {
  const { width, height, bands } = framedPage;
  const samples = Float64Array.from(framedPage.samples);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
    const isInside = x >= pixels && y >= pixels && x < width - pixels && y < height - pixels;
    if (!isInside) samples.fill(value, pixel * bands, (pixel + 1) * bands);
  }
  return { ...framedPage, samples };
}

/** A few samples that are far brighter than everything else: 4 x 4 pixels. */
function sparked(sparkedPage: TiffPage, value: number): TiffPage {
  const samples = Float64Array.from(sparkedPage.samples);
  for (let y = 110; y < 114; y++) {
    const from = (y * SCENE.width + 150) * sparkedPage.bands;
    samples.fill(value, from, from + 4 * sparkedPage.bands);
  }
  return { ...sparkedPage, samples };
}

const mask = (subfileType = 4): TiffPage => page({ bands: 1, bits: 1, photometric: 4, subfileType, compression: 8 }, () => 1);

/** The smaller copy of a pyramid. */
function halved({ samples, width, height, ...look }: TiffPage): TiffPage {
  const half = Float64Array.from({ length: (width / 2) * (height / 2) * look.bands }, (_, index) => {
    const [pixel, band] = [Math.floor(index / look.bands), index % look.bands];
    const [x, y] = [(pixel % (width / 2)) * 2, Math.floor(pixel / (width / 2)) * 2];
    return Number(samples[(y * width + x) * look.bands + band]);
  });
  return { ...look, samples: half, width: width / 2, height: height / 2, subfileType: 1 };
}

/** Upside down, as a camera stores it. */
function turned({ samples, bands, ...look }: TiffPage): TiffPage {
  const pixels = samples.length / bands;
  const reversed = Float64Array.from(samples, (_, index) =>
    Number(samples[(pixels - 1 - Math.floor(index / bands)) * bands + (index % bands)]),
  );
  return { ...look, bands, samples: reversed, orientation: 3 };
}

/** Its colors are in a table: the scene has five. */
function paletted(): TiffPage {
  const { width, height } = SCENE;
  const colors: (readonly number[])[] = [];
  const samples = Float64Array.from({ length: width * height }, (_, pixel) => {
    const color = sceneAt(pixel % width, Math.floor(pixel / width));
    const known = colors.findIndex((other) => other.join() === color.join());
    return known >= 0 ? known : colors.push(color) - 1;
  });
  const channel = (index: number) => Array.from({ length: 256 }, (_, color) => (colors[color]?.[index] ?? 0) * 257);
  return { width, height, samples, bands: 1, bits: 8, photometric: 3, palette: [0, 1, 2].flatMap(channel) };
}

/** Two entries of the first directory change places, as some microscopes write them. */
function unsorted(bytes: Buffer): Buffer {
  const entries = bytes.readUInt32LE(4) + 2;
  const [orientation, samples] = [entries + 6 * 12, entries + 7 * 12];
  const swapped = Buffer.concat([bytes.subarray(samples, samples + 12), bytes.subarray(orientation, orientation + 12)]);
  swapped.copy(bytes, orientation);
  return bytes;
}

/** The last byte of the scan's spectral selection is 0 instead of 63, as some phones write it. */
async function jpegWithOddScan(): Promise<Buffer> {
  const bytes = await scene().jpeg({ quality: 95 }).toBuffer();
  const scan = bytes.indexOf(Buffer.from([0xff, 0xda]));
  bytes.writeUInt8(0, scan + 12);
  return bytes;
}

/** A JPEG with a byte between its markers that does not belong there, as some cameras write. */
async function jpegWithStrayBytes(): Promise<Buffer> {
  const bytes = await scene().jpeg({ quality: 95 }).toBuffer();
  const tables = bytes.indexOf(Buffer.from([0xff, 0xdb]));
  return Buffer.concat([bytes.subarray(0, tables), Buffer.from([0, 0, 0]), bytes.subarray(tables)]);
}

const LAYOUTS: Record<string, Layout> = {
  'RGB, 8 bits': { file: drawn(RGB) },
  'RGB, 8 bits, in tiles, deflated': { file: drawn({ ...RGB, tiled: true, compression: 8 }) },
  'RGB, 8 bits, planar strips': { file: drawn({ ...RGB, planar: true }) },
  'RGB, 8 bits, planar tiles': {
    file: drawn({ ...RGB, planar: true, tiled: true }),
    refused: `The TIFF stores each band in tiles of its own (INTERLEAVE=BAND), which cannot be decoded here. Convert it, for example with: ${GDAL} in.tif out.tif`,
  },
  'RGB and alpha, 8 bits': { file: drawn({ ...RGB, bands: 4, extraSamples: [2] }, undefined, 255) },
  'RGB and associated alpha, 8 bits': { file: drawn({ ...RGB, bands: 4, extraSamples: [1] }, undefined, 255) },
  'RGB and near infrared, 8 bits': {
    file: drawn({ ...RGB, bands: 4, extraSamples: [0] }, undefined, 90),
    notes: [shown(AS_RGB, 'band 4', 4)],
  },
  'RGB and a band of zeros, 8 bits': {
    file: drawn({ ...RGB, bands: 4, extraSamples: [0] }, undefined, 0),
    notes: [shown(AS_RGB, 'band 4', 4)],
  },
  'RGB and a band without ExtraSamples, 8 bits': {
    file: drawn({ ...RGB, bands: 4 }, undefined, 0),
    notes: [shown(AS_RGB, 'band 4', 4)],
  },
  'RGB and near infrared, gray photometric, 8 bits': {
    file: drawn({ ...GRAY, bands: 4, extraSamples: [0, 0, 0] }, undefined, 90),
    notes: [shown(AS_RGB, 'band 4', 4)],
  },
  'RGB and near infrared, planar strips': {
    file: drawn({ ...RGB, bands: 4, extraSamples: [0], planar: true }, undefined, 0),
    notes: [shown(AS_RGB, 'band 4', 4)],
  },
  '5 bands, 8 bits': {
    file: drawn({ ...RGB, bands: 5, extraSamples: [0, 0] }, undefined, 0),
    notes: [shown(AS_RGB, 'bands 4-5', 5)],
  },
  '5 bands, the last one alpha': {
    file: drawn({ ...RGB, bands: 5, extraSamples: [0, 2] }, undefined, 0),
    notes: [shown(AS_RGB, 'bands 4-5', 5)],
  },
  '8 bands, gray photometric, 16 bits': {
    file: drawn({ bands: 8, bits: 16, photometric: 1, extraSamples: [0, 0, 0, 0, 0, 0, 0] }, reflectance, 0),
    notes: [shown(AS_RGB, 'bands 4-8', 8), TWELVE_BITS],
  },
  '2 bands, 8 bits': {
    file: drawn({ ...GRAY, bands: 2, extraSamples: [0] }, undefined, 0, 1),
    isGray: true,
    notes: [shown('band 1', 'band 2', 2)],
  },
  '2 bands, 16 bits': {
    file: drawn({ bands: 2, bits: 16, photometric: 1, extraSamples: [0] }, reflectance, 0, 1),
    isGray: true,
    notes: [shown('band 1', 'band 2', 2), TWELVE_BITS],
  },
  'gray and alpha, 8 bits': { file: drawn({ ...GRAY, bands: 2, extraSamples: [2] }, undefined, 255, 1), isGray: true },
  'gray and alpha, 16 bits': {
    file: drawn({ bands: 2, bits: 16, photometric: 1, extraSamples: [2] }, (color) => color * 257, 65_535, 1),
    isGray: true,
  },
  'RGBA, gray photometric, 16 bits': {
    file: drawn({ bands: 4, bits: 16, photometric: 1, extraSamples: [0, 0, 2] }, (color) => color * 257, 65_535),
    notes: [shown(AS_RGB, 'band 4', 4)],
  },
  'RGBA, 16 bits': { file: drawn({ bands: 4, bits: 16, photometric: 2, extraSamples: [2] }, (color) => color * 257, 65_535) },
  'RGB, 16 bits': { file: drawn({ ...RGB, bits: 16 }, (color) => color * 257) },
  'RGB, 12 bits in 16': {
    file: drawn({ ...RGB, bits: 16 }, (color) => color * 16),
    notes: [TWELVE_BITS],
  },
  'RGB and near infrared, 16 bits': {
    file: drawn({ bands: 4, bits: 16, photometric: 2, extraSamples: [0] }, reflectance, 0),
    notes: [shown(AS_RGB, 'band 4', 4), TWELVE_BITS],
  },
  'gray, 8 bits': { file: drawn(GRAY), isGray: true },
  'gray, 8 bits, 0 is white': { file: drawn({ ...GRAY, photometric: 0 }), isGray: true },
  'gray, 16 bits': { file: drawn({ ...GRAY, bits: 16 }, (color) => color * 257), isGray: true },
  'gray, 16 bits, on an offset': {
    file: drawn({ ...GRAY, bits: 16 }, (color) => 2_000 + color / 4),
    isGray: true,
    notes: [STRETCHED],
  },
  'RGB, 16 bits, a few samples far too bright': {
    file: () => tiff(sparked(page({ ...RGB, bits: 16 }, reflectance), 60_000)),
    notes: [STRETCHED],
  },
  'gray, 16 bits, a border of nodata': {
    file: () =>
      tiff(
        framed(
          page({ ...GRAY, bits: 16, nodata: '9999' }, (color) => color),
          9_999,
          1,
        ),
      ),
    isGray: true,
    notes: [/^The samples use 8 of 16 bits/, 'Samples with the nodata value 9999 were ignored.'],
  },
  'gray, 16 bits, a border of 65,535': {
    file: () => tiff(framed(page({ ...GRAY, bits: 16 }, reflectance), 65_535, 1)),
    isGray: true,
    notes: [TWELVE_BITS],
  },
  'gray, 16 bits, signed': {
    file: drawn({ ...GRAY, bits: 16, type: 'int' }, (color) => color * 2 - 300),
    isGray: true,
    notes: [STRETCHED],
  },
  'gray, 16 bits, signed, nodata -32768': {
    file: () =>
      tiff(
        framed(
          page({ ...GRAY, bits: 16, type: 'int', nodata: '-32768' }, (color) => color * 2 - 300),
          -32_768,
          1,
        ),
      ),
    isGray: true,
    notes: [STRETCHED, 'Samples with the nodata value -32768 were ignored.'],
  },
  'RGB, 16 bits, signed': { file: drawn({ ...RGB, bits: 16, type: 'int' }, (color) => color * 20 - 900), notes: [STRETCHED] },
  '4 bands, gray photometric, 16 bits, signed': {
    file: drawn({ bands: 4, bits: 16, photometric: 1, type: 'int', extraSamples: [0, 0, 0] }, (color) => color * 20 - 900, 0),
    notes: [shown(AS_RGB, 'band 4', 4), STRETCHED],
  },
  'gray, 8 bits, signed': {
    file: drawn({ ...GRAY, type: 'int' }, (color) => Math.round(color / 2) - 60),
    isGray: true,
    notes: [STRETCHED],
  },
  'gray, 32 bits': { file: drawn({ ...GRAY, bits: 32 }, (color) => color * 1_000), isGray: true, notes: [STRETCHED] },
  'gray, 32 bits, signed': {
    file: drawn({ ...GRAY, bits: 32, type: 'int' }, (color) => color * 1_000 - 100_000),
    isGray: true,
    notes: [STRETCHED],
  },
  'gray, float, a height in meters': {
    file: drawn({ ...GRAY, bits: 32, type: 'float' }, (color) => 312.5 + color / 100),
    isGray: true,
    notes: [STRETCHED],
  },
  'gray, float, nodata -9999': {
    file: () =>
      tiff(
        framed(
          page({ ...GRAY, bits: 32, type: 'float', nodata: '-9999' }, (color) => color / 100),
          -9_999,
          1,
        ),
      ),
    isGray: true,
    notes: [STRETCHED, 'Samples with the nodata value -9999 were ignored.'],
  },
  'gray, float, with samples that are no number': {
    file: () =>
      tiff(
        framed(
          page({ ...GRAY, bits: 32, type: 'float' }, (color) => color / 100),
          Number.NaN,
          1,
        ),
      ),
    isGray: true,
    notes: [STRETCHED],
  },
  'RGB, float, 0 to 1': { file: drawn({ ...RGB, bits: 32, type: 'float' }, (color) => color / 255) },
  'RGB and near infrared, float': {
    file: drawn({ bands: 4, bits: 32, photometric: 2, type: 'float', extraSamples: [0] }, (color) => color / 255, 0),
    notes: [shown(AS_RGB, 'band 4', 4)],
  },
  'gray, float, 64 bits': {
    file: drawn({ ...GRAY, bits: 64, type: 'float' }),
    refused: `The TIFF has 64-bit float samples, which are not supported. Convert it, for example with: ${GDAL} -ot Float32 in.tif out.tif`,
  },
  'complex samples': {
    file: drawn({ ...GRAY, bits: 64, type: 'complex' }),
    refused:
      'The TIFF has complex samples, which are not supported. Save their magnitude, for example with: ' +
      'gdal_calc.py -A in.tif --calc="abs(A)" --type=Float32 --outfile=out.tif',
  },
  'RGB, 12 bits': {
    file: drawn({ ...RGB, bits: 12 }, (color) => color * 16),
    refused: `The TIFF has 12 bits per sample, which is not supported. Convert it, for example with: ${GDAL} -ot UInt16 -co NBITS=16 in.tif out.tif`,
  },
  'CIELAB, 8 bits': {
    file: drawn({ ...RGB, photometric: 8 }),
    refused:
      'The TIFF has 8-bit CIELAB samples, which are not supported. Convert it, for example with: magick in.tif -colorspace sRGB out.tif',
  },
  'CIELAB, 16 bits': { file: () => scene().toColourspace('labs').tiff({ compression: 'none' }).toBuffer() },
  'CMYK, 8 bits': { file: () => scene().toColourspace('cmyk').tiff({ compression: 'lzw' }).toBuffer() },
  'CMYK and a spot color, 8 bits': {
    file: async () => {
      const { data } = await scene().toColourspace('cmyk').raw().toBuffer({ resolveWithObject: true });
      const samples = Array.from({ length: SCENE.width * SCENE.height * 5 }, (_, index) =>
        index % 5 === 4 ? 0 : (data[Math.floor(index / 5) * 4 + (index % 5)] ?? 0),
      );
      return tiff({ ...SCENE, samples, bands: 5, bits: 8, photometric: 5, extraSamples: [0] });
    },
    notes: [shown('bands 1, 2, 3, 4', 'band 5', 5)],
  },
  'a mask of 1 bit behind the image': { file: () => tiff(page(RGB), mask()) },
  'a mask of 1 bit, a smaller copy and its mask': {
    file: () => tiff(page(RGB), mask(), halved(page(RGB)), mask(5)),
  },
  'a second page that cannot be decoded': {
    file: () => tiff(page(RGB), page({ ...GRAY, compression: 50_000 })),
    notes: ['Analyzed only the first of 2 pages.', UNCHECKED],
  },
  'a second page of 64-bit floats': {
    file: () => tiff(page(RGB), page({ ...GRAY, bits: 64, type: 'float' })),
    notes: ['Analyzed only the first of 2 pages.'],
  },
  'turned by its orientation tag, 5 bands': {
    file: () => tiff(turned(page({ ...RGB, bands: 5, extraSamples: [0, 0] }, undefined, 7))),
    notes: [shown(AS_RGB, 'bands 4-5', 5)],
  },
  'bands 7, 2 and 3 of 8, 16 bits': {
    file: () => {
      const eight = page({ bands: 8, bits: 16, photometric: 1, extraSamples: [0, 0, 0, 0, 0, 0, 0] }, reflectance, 0);
      const samples = Float64Array.from(eight.samples, (sample, index) =>
        index % 8 === 6 ? Number(eight.samples[index - 6]) : index % 8 === 0 ? 0 : sample,
      );
      return tiff({ ...eight, samples });
    },
    bands: [7, 2, 3],
    notes: [
      'The image has 8 bands. Analyzed bands 7, 2, 3 as red, green, blue; left out bands 1, 4-6, 8. The parameter bands chooses them.',
      TWELVE_BITS,
    ],
  },
  'turned by its orientation tag, bands 1, 2 and 3': {
    file: () => tiff(turned(page(RGB))),
    bands: [1, 2, 3],
    notes: ['The image has 3 bands. Analyzed bands 1, 2, 3 as red, green, blue. The parameter bands chooses them.'],
  },
  'band 1 of a PNG': {
    file: () => scene().png().toBuffer(),
    bands: [1],
    isGray: true,
    notes: [shown('band 1', 'bands 2-3', 3)],
  },
  'band 1 of a gray image': { file: drawn(GRAY), bands: [1], isGray: true, notes: [/^The image has 1 band\. Analyzed band 1\./] },
  'a band that does not exist': {
    file: drawn(RGB),
    bands: [1, 2, 4],
    refused: 'Band 4 does not exist. The image has 3; choose bands from 1 to 3.',
  },
  'old-style JPEG in a TIFF': {
    file: drawn({ ...RGB, compression: 6 }),
    refused:
      'The TIFF is compressed with old-style JPEG, which cannot be decoded here. Convert it, for example with: magick in.tif -compress LZW out.tif',
  },
  'a raw file of a camera, by its thumbnail': {
    file: drawn({ ...RGB, subfileType: 1, hasSubDirectories: true }),
    refused:
      'The TIFF holds raw data of a camera, which is not supported. Develop it to a JPEG or TIFF, for example with darktable.',
  },
  'gray, float, 16 bits': {
    file: drawn({ ...GRAY, bits: 16, type: 'half' }),
    refused: `The TIFF has 16-bit float samples, which are not supported. Convert it, for example with: ${GDAL} -ot Float32 -co NBITS=32 in.tif out.tif`,
  },
  'ZSTD in a TIFF': { file: drawn({ ...RGB, compression: 50_000 }), refused: codec('ZSTD') },
  'LERC in a TIFF': { file: drawn({ ...RGB, compression: 34_887 }), refused: codec('LERC') },
  'LZMA in a TIFF': { file: drawn({ ...RGB, compression: 34_925 }), refused: codec('LZMA') },
  'JPEG XL in a TIFF': { file: drawn({ ...RGB, compression: 50_002 }), refused: codec('JPEG XL') },
  'JPEG 2000 in a TIFF': { file: drawn({ ...RGB, compression: 34_712 }), refused: codec('JPEG 2000') },
  'a palette, 8 bits': { file: () => tiff(paletted()) },
  'unsorted tags': { file: () => unsorted(tiff(page(RGB))), notes: [IRREGULAR] },
  'JPEG with odd scan parameters': { file: jpegWithOddScan, notes: [IRREGULAR] },
  'JPEG with bytes between its markers, cut off': {
    file: async () => {
      const bytes = await jpegWithStrayBytes();
      return bytes.subarray(0, Math.round(bytes.length * 0.8));
    },
    refused: 'The data of the image is damaged or cut off. Send the complete file again.',
  },
  'a damaged strip': {
    file: () => tiff(page({ ...RGB, compression: 8 })).fill(0, 10, 60),
    refused: 'The data of the image is damaged or cut off. Send the complete file again.',
  },
  'JPEG with bytes between its markers': {
    file: jpegWithStrayBytes,
    notes: [IRREGULAR],
  },
  'PNG, 16 bits and alpha': {
    file: () => {
      const samples = Uint16Array.from(page({ ...RGB, bands: 4, bits: 16 }, (color) => color * 257, 65_535).samples);
      return sharp(samples, { raw: { ...SCENE, channels: 4 } })
        .toColourspace('rgb16')
        .png()
        .toBuffer();
    },
  },
};

test('the table has at least 40 layouts', () => {
  expect(Object.keys(LAYOUTS).length).toBeGreaterThanOrEqual(40);
});

test.each(Object.entries(LAYOUTS))('%s', async (_, { file, bands, isGray = false, notes = [], refused }) => {
  const path = join(await temporaryFolder(), 'image');
  await writeFile(path, await file());
  const vision = scriptedVision({ detect: detectSquares });
  const request = { bands, models: PRICED_MODELS };
  const { document, progress } = await runPipeline(path, vision, { tile_size: 512, overlap: 0 }, { request });
  if (refused !== undefined) {
    expect(progress).toMatchObject({ status: 'FAILED', reason: refused });
    return;
  }
  expect(progress).toMatchObject({ status: 'SUCCEEDED', reason: null });
  const found = (document?.findings ?? []).map(({ label }) => label).toSorted();
  expect(isGray ? found.length : found).toEqual(isGray ? 4 : SQUARE_LABELS);
  expect(document?.notes).toEqual(notes.map((note) => (typeof note === 'string' ? note : expect.stringMatching(note))));
  const copy = await smallCopy({ ...imageIn(path), bands }, 160, await temporaryFolder());
  const enlarged = await sharp(copy.bytes)
    .resize(SCENE.width, SCENE.height, { kernel: 'nearest' })
    .jpeg({ quality: 95 })
    .toBuffer();
  expect(await detectSquares({ bytes: enlarged, ...SCENE })).toHaveLength(4);
});
