import { open, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { fsBlobs } from '../pipeline/adapters/fs-blobs.ts';
import type { Finding } from '../pipeline/core/contract.ts';
import { type Plan, planTiles, tilesOf } from '../pipeline/core/plan.ts';
import { drawOverlay } from '../pipeline/imaging/overlay.ts';
import { readHeader } from '../pipeline/imaging/picture.ts';
import { writePyramid } from '../pipeline/imaging/pyramid.ts';
import { openSzi } from '../pipeline/imaging/szi.ts';
import type { Blobs } from '../pipeline/ports.ts';
import { temporaryFolder } from './support/folder.ts';

const PIXELS_MAX = 100_000_000;
const RED = { r: 255, g: 0, b: 0 };

/** A grey picture with one red square. */
async function drawPicture(
  path: string,
  width: number,
  height: number,
  square: { left: number; top: number; edge: number },
  orientation = 1,
): Promise<void> {
  const red = await sharp({ create: { width: square.edge, height: square.edge, channels: 3, background: RED } })
    .png()
    .toBuffer();
  await sharp({ create: { width, height, channels: 3, background: '#808080' } })
    .composite([{ input: red, left: square.left, top: square.top }])
    .withMetadata({ orientation })
    .toFile(path);
}

async function pyramidOf(
  path: string,
  wishes = {
    detail: 'standard' as const,
    tile_size: 256,
    overlap: 64,
    grid: null,
    region: null,
    max_tiles: null,
    skip_blank: true,
  },
): Promise<{ blobs: Blobs; plan: Plan }> {
  const folder = await temporaryFolder();
  const { width, height } = await readHeader(path, PIXELS_MAX);
  const plan = planTiles({ width, height }, wishes, { edgePx: 256, overlapPx: 64 });
  await writePyramid(path, join(folder, 'pyramid.szi'), plan, PIXELS_MAX);
  return { blobs: fsBlobs(folder), plan };
}

const isRed = (data: Buffer, width: number, x: number, y: number) => {
  const at = (y * width + x) * 3;
  return (data[at] ?? 0) > 200 && (data[at + 1] ?? 255) < 60;
};

describe('an SZI', () => {
  test('shows every planned tile at its place and size, on every level', async () => {
    const path = join(await temporaryFolder(), 'picture.png');
    await drawPicture(path, 1_100, 700, { left: 512, top: 256, edge: 128 });
    const { blobs, plan } = await pyramidOf(path);
    const szi = await openSzi(blobs, 'pyramid.szi', tilesOf(plan).length);
    expect(plan.levels.length).toBeGreaterThan(2);
    for (const tile of tilesOf(plan)) {
      const { data, info } = await sharp(await szi.readTile(tile.level, tile.row, tile.column))
        .raw()
        .toBuffer({ resolveWithObject: true });
      const [left, top, width, height] = tile.boxInLevel;
      expect({ tile: tile.name, width: info.width, height: info.height }).toEqual({ tile: tile.name, width, height });
      const scale = 2 ** tile.level;
      const [x, y] = [Math.round(576 / scale) - left, Math.round(320 / scale) - top]; // the middle of the square
      if (x >= 0 && y >= 0 && x < width && y < height)
        expect({ tile: tile.name, red: isRed(data, width, x, y) }).toEqual({ tile: tile.name, red: true });
    }
  });

  test('costs one read of its directory and one a tile', async () => {
    const path = join(await temporaryFolder(), 'picture.png');
    await drawPicture(path, 1_100, 700, { left: 0, top: 0, edge: 10 });
    const { blobs, plan } = await pyramidOf(path);
    let reads = 0;
    const counting: Blobs = {
      ...blobs,
      getRange(...range) {
        reads++;
        return blobs.getRange(...range);
      },
    };
    const tiles = tilesOf(plan);
    const szi = await openSzi(counting, 'pyramid.szi', tiles.length);
    for (const tile of tiles) await szi.readTile(tile.level, tile.row, tile.column);
    expect(reads).toBe(tiles.length + 1);
  });

  test('that is damaged is refused', async () => {
    const path = join(await temporaryFolder(), 'picture.png');
    await drawPicture(path, 600, 600, { left: 0, top: 0, edge: 10 });
    const { blobs } = await pyramidOf(path);
    const { path: szi } = await blobs.materialize('pyramid.szi');
    await using file = await open(szi, 'r+');
    await file.write(Buffer.alloc(100), 0, 100, 0);
    const reader = await openSzi(blobs, 'pyramid.szi', 10);
    const reads = [0, 1, 2].flatMap((row) => [0, 1, 2].map((column) => reader.readTile(0, row, column)));
    const outcomes = await Promise.allSettled(reads);
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    await truncate(szi, (await stat(szi)).size - 1_000);
    await expect(openSzi(blobs, 'pyramid.szi', 10)).rejects.toThrow();
  });

  test('holds the upright picture when the file lies on its side', async () => {
    const path = join(await temporaryFolder(), 'picture.jpg');
    await drawPicture(path, 800, 400, { left: 0, top: 0, edge: 100 }, 6); // 6: shown turned right by 90 degrees
    expect(await readHeader(path, PIXELS_MAX)).toEqual({ format: 'jpeg', width: 400, height: 800, notes: [] });
    const { blobs, plan } = await pyramidOf(path);
    const szi = await openSzi(blobs, 'pyramid.szi', tilesOf(plan).length);
    const { data, info } = await sharp(await szi.readTile(0, 0, 1))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect(isRed(data, info.width, info.width - 50, 50)).toBe(true);
  });
});

test('the overlay draws a box where the finding is, on a copy of at most 2,400 px', async () => {
  const path = join(await temporaryFolder(), 'picture.png');
  await drawPicture(path, 3_000, 1_500, { left: 0, top: 0, edge: 10 });
  const { blobs, plan } = await pyramidOf(path);
  const szi = await openSzi(blobs, 'pyramid.szi', tilesOf(plan).length);
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
  const { data, info } = await sharp(await drawOverlay(szi, plan, [finding]))
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect([info.width, info.height]).toEqual([2_400, 1_200]);
  const at = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)];
  expect(at(1_400, 400)[0]).toBeGreaterThan(180); // the upper edge, in orange
  expect(at(1_400, 600).every((channel) => Math.abs(channel - 128) < 12)).toBe(true); // inside, untouched
  const name = await sharp(data, { raw: info }).extract({ left: 1_200, top: 380, width: 100, height: 18 }).stats();
  expect(name.channels.some(({ max }) => max > 230)).toBe(true); // white letters above the box
});

describe('a file that is no picture we take', () => {
  test.each([
    ['a text file named .jpg', 'hello, I am text', /Expected a picture .*got a file that is none of them/],
    ['an empty file', '', /Expected a picture .*got a file that is none of them/],
    ['an SVG named .png', '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>', /Expected a picture/],
    ['a CSV of numbers', '1 2 3\n4 5 6\n', /Expected a picture/],
  ])('%s is refused with a sentence', async (_, content, sentence) => {
    const path = join(await temporaryFolder(), 'picture.jpg');
    await writeFile(path, content);
    await expect(readHeader(path, PIXELS_MAX)).rejects.toThrow(sentence);
  });

  test('one over the pixel limit is refused from its header', async () => {
    const path = join(await temporaryFolder(), 'picture.png');
    await drawPicture(path, 2_000, 1_000, { left: 0, top: 0, edge: 10 });
    await expect(readHeader(path, 1_000_000)).rejects.toThrow(
      'Expected a picture of at most 1,000,000 pixels, got 2000 x 1000 (2,000,000).',
    );
  });

  test('a truncated JPEG is refused with a sentence', async () => {
    const path = join(await temporaryFolder(), 'picture.jpg');
    await sharp('examples/lawn.jpg').resize(1_500).jpeg().toFile(path);
    await truncate(path, Math.round((await stat(path)).size / 2));
    const plan = planTiles(
      { width: 1_500, height: 1_000 },
      { detail: 'standard', tile_size: null, overlap: null, grid: null, region: null, max_tiles: null, skip_blank: true },
      { edgePx: 640, overlapPx: 160 },
    );
    await expect(writePyramid(path, `${path}.szi`, plan, PIXELS_MAX)).rejects.toThrow('data is damaged or cut off');
  });
});
