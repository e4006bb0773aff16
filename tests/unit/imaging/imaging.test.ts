// Headers, limits, pages, damaged files and overlays, with real images and real sharp.
import { readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import type { Finding } from '../../../pipeline/contract/schemas.ts';
import { overviewOf } from '../../../pipeline/imaging/cut-out.ts';
import { drawOverlay } from '../../../pipeline/imaging/drawing/overlay.ts';
import { readHeader, smallCopy } from '../../../pipeline/imaging/image-reader.ts';
import { checkRows, checkScratch } from '../../../pipeline/imaging/limit-checks.ts';
import { writePyramid } from '../../../pipeline/imaging/pyramid.ts';
import { blobSource, openSzi } from '../../../pipeline/imaging/szi/szi.ts';
import { DEFAULT_LIMITS } from '../../../pipeline/planning/image-limits.ts';
import { planTiles } from '../../../pipeline/planning/plan.ts';
import { drawImage, imageIn, pyramidOf } from '../../support/drawn.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { requestFor } from '../../support/pipeline-run.ts';

const WISH = { edgePx: 640, overlapPx: 160 };

test('the overlay draws a box around the finding, on a copy of at most 2,400 px', async () => {
  const path = join(await temporaryFolder(), 'image.png');
  await drawImage(path, 3_000, 1_500, { left: 0, top: 0, edge: 10 });
  const { blobs, plan } = await pyramidOf(path);
  const overview = await overviewOf(await openSzi(await blobSource(blobs, 'pyramid.szi'), plan), plan);
  const finding: Finding = {
    id: 'f1',
    label: 'box <b>&',
    description: '',
    score: 0.9,
    severity: 'info',
    box: [1_500, 500, 500, 500],
    text: null,
    level: 0,
    tiles: [0],
    verified: null,
  };
  const overlay = await drawOverlay(overview.bytes, plan, { shown: [finding], all: [finding] });
  const { data, info } = await sharp(overlay.bytes).raw().toBuffer({ resolveWithObject: true });
  expect([info.width, overlay.imageHeight]).toEqual([2_400, 1_200]);
  const at = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)];
  expect(at(1_400, 400)[0]).toBeGreaterThan(180); // the upper edge, in orange
  expect(at(1_400, 600).every((channel) => Math.abs(channel - 128) < 12)).toBe(true); // inside, unchanged
  const name = await sharp(data, { raw: info }).extract({ left: 1_200, top: 380, width: 100, height: 18 }).stats();
  expect(name.channels.some(({ max }) => max > 230)).toBe(true); // white letters above the box
});

describe('a file that is not an accepted image', () => {
  test.each([
    [
      'a text file named .jpg',
      'hello, I am text',
      /^The file is not an image of an accepted format \(jpeg, png, webp, tiff, gif, avif\), or it is cut off/,
    ],
    [
      'an empty file',
      '',
      /^The file is not an image of an accepted format \(jpeg, png, webp, tiff, gif, avif\), or it is cut off/,
    ],
    [
      'an SVG named .png',
      '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>',
      /^The file is an SVG drawing, which is not an accepted format \(jpeg, png, webp, tiff, gif, avif\)/,
    ],
    ['a CSV of numbers', '1 2 3\n4 5 6\n', /^The file is not an image of an accepted format/],
  ])('%s is refused with a sentence', async (_, content, sentence) => {
    const path = join(await temporaryFolder(), 'image.jpg');
    await writeFile(path, content);
    await expect(readHeader(imageIn(path))).rejects.toThrow(sentence);
  });

  test('one over the pixel limit is refused by its header', async () => {
    const path = join(await temporaryFolder(), 'image.png');
    await drawImage(path, 2_000, 1_000, { left: 0, top: 0, edge: 10 });
    await expect(readHeader({ ...imageIn(path), limits: { ...DEFAULT_LIMITS, pixelsMax: 1_000_000 } })).rejects.toThrow(
      'The image must not have more than 1,000,000 pixels, but it has 2000 x 1000 (2,000,000).',
    );
  });

  test('one over the byte limit is refused before it is opened', async () => {
    const path = join(await temporaryFolder(), 'image.png');
    await writeFile(path, 'no image at all, but too long');
    await expect(readHeader({ ...imageIn(path), limits: { ...DEFAULT_LIMITS, fileBytesMax: 10 } })).rejects.toThrow(
      'The file must not be larger than 1 MB, but it has 1 MB.',
    );
  });

  test('a truncated JPEG is refused with a sentence', async () => {
    const path = join(await temporaryFolder(), 'image.jpg');
    await sharp('examples/lawn.jpg').resize(1_500).jpeg().toFile(path);
    await truncate(path, Math.round((await stat(path)).size / 2));
    const plan = planTiles({ width: 1_500, height: 1_000 }, requestFor(path).plan, { edgePx: 640, overlapPx: 160 });
    await expect(writePyramid(imageIn(path), `${path}.szi`, plan)).rejects.toThrow('The data of the image is damaged or cut off');
  });
});

describe('a plan that does not fit', () => {
  const plan = planTiles({ width: 40_000, height: 20_000 }, { ...requestFor('').plan, tile_size: 4_000, overlap: 1_000 }, WISH);

  test('into memory is refused', () => {
    expect(() => checkRows(plan, { ...DEFAULT_LIMITS, workingBytesMax: 500_000_000 })).toThrow(
      /^The rows of tiles must fit into 500 MB of memory, but 40,000 pixels in width and tiles of [\d,]+ need [\d,]+ MB\./,
    );
    expect(checkRows(plan, DEFAULT_LIMITS)).toBeUndefined();
  });

  test('onto the temporary disk is refused', async () => {
    const folder = await temporaryFolder();
    await expect(checkScratch(plan, folder, { ...DEFAULT_LIMITS, scratchBytesMax: 500_000_000 })).rejects.toThrow(
      /^The tiles need up to [\d,]+ MB of temporary disk, but only 500 MB are available\./,
    );
    await expect(
      checkScratch({ ...plan, pyramidLevel: 3 }, folder, { ...DEFAULT_LIMITS, scratchBytesMax: 500_000_000 }),
    ).resolves.toBe(undefined);
  });
});

describe('of a TIFF with several pages,', () => {
  async function drawPages(): Promise<string> {
    const path = join(await temporaryFolder(), 'pages.tiff');
    const pages = ['#ff0000', '#00ff00', '#0000ff'].map((background) =>
      sharp({ create: { width: 300, height: 200, channels: 3, background } })
        .png()
        .toBuffer(),
    );
    await sharp(await Promise.all(pages), { join: { animated: true } })
      .tiff()
      .toFile(path);
    return path;
  }

  test('the requested page is analyzed, with a note', async () => {
    const file = { ...imageIn(await drawPages()), page: 2 };
    expect((await readHeader(file)).notes).toEqual(['Analyzed only page 3 of 3.']);
    const { bytes } = await smallCopy(file, 100, await temporaryFolder());
    const [red, , blue] = (await sharp(bytes).stats()).channels;
    expect([red?.mean, blue?.mean].map((mean) => Math.round((mean ?? 0) / 255))).toEqual([0, 1]);
  });

  test('a page that does not exist is refused', async () => {
    await expect(readHeader({ ...imageIn(await drawPages()), page: 3 })).rejects.toThrow(
      'Page 4 does not exist. Choose a page from 1 to 3.',
    );
  });
});

test('an overview of a pyramidal TIFF reads its smaller copies and not its damaged full resolution', async () => {
  const path = join(await temporaryFolder(), 'pyramid.tiff');
  const image = sharp({ create: { width: 4_096, height: 2_048, channels: 3, background: '#ff0000' } });
  await image.tiff({ compression: 'deflate', pyramid: true, tile: true, tileWidth: 256, tileHeight: 256 }).toFile(path);
  const whole = await readFile(path);
  // The first tiles in the file have full resolution.
  await writeFile(path, Buffer.concat([whole.subarray(0, 16), Buffer.alloc(2_000), whole.subarray(2_016)]));
  await expect(smallCopy(imageIn(path), 4_096, await temporaryFolder())).rejects.toThrow(
    'The data of the image is damaged or cut off',
  );
  const { bytes, width } = await smallCopy(imageIn(path), 500, await temporaryFolder());
  expect(width).toBe(500);
  expect(Math.round((await sharp(bytes).stats()).channels[0]?.mean ?? 0)).toBeGreaterThan(245);
});
