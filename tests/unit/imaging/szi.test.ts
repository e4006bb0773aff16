import { open, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { cutOut, overviewOf } from '../../../pipeline/imaging/cut-out.ts';
import { readHeader } from '../../../pipeline/imaging/image-reader.ts';
import { blobSource, openSzi } from '../../../pipeline/imaging/szi/szi.ts';
import { tilesOf } from '../../../pipeline/planning/grid.ts';
import type { Blobs } from '../../../pipeline/ports.ts';
import { drawImage, imageIn, isRed, pyramidOf } from '../../support/drawn.ts';
import { temporaryFolder } from '../../support/folder.ts';

describe('an SZI', () => {
  test('has every planned tile at its place and size, on every level', async () => {
    const path = join(await temporaryFolder(), 'image.png');
    await drawImage(path, 1_100, 700, { left: 512, top: 256, edge: 128 });
    const { blobs, plan } = await pyramidOf(path);
    const szi = await openSzi(await blobSource(blobs, 'pyramid.szi'), plan);
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

  test('needs one read for its directory, and one for many neighboring tiles', async () => {
    const path = join(await temporaryFolder(), 'image.png');
    await drawImage(path, 1_100, 700, { left: 0, top: 0, edge: 10 });
    const { blobs, plan } = await pyramidOf(path);
    const ranges: number[] = [];
    const counting: Blobs = {
      ...blobs,
      getRange(key, start, length) {
        ranges.push(length);
        return blobs.getRange(key, start, length);
      },
    };
    const tiles = tilesOf(plan);
    const szi = await openSzi(await blobSource(counting, 'pyramid.szi'), plan);
    expect(ranges).toHaveLength(1);
    const all = await Promise.all(tiles.map(({ level, row, column }) => szi.readTile(level, row, column)));
    expect(all.every((jpeg) => jpeg[0] === 0xff && jpeg[1] === 0xd8)).toBe(true);
    expect(tiles.length).toBeGreaterThan(10);
    expect(ranges).toHaveLength(2); // together less than half a megabyte
  });

  test('has no finer level than an overview needs', async () => {
    const path = join(await temporaryFolder(), 'image.png');
    await drawImage(path, 2_600, 1_300, { left: 2_000, top: 900, edge: 200 });
    const { blobs, plan } = await pyramidOf(path, { detail: 'overview' });
    expect(plan.pyramidLevel).toBeGreaterThan(0);
    const szi = await openSzi(await blobSource(blobs, 'pyramid.szi'), plan);
    const { bytes, width, height } = await overviewOf(szi, plan);
    const { data } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
    const scale = width / 2_600;
    expect([width, height]).toEqual([2_400, 1_200]);
    expect(isRed(data, width, Math.round(2_100 * scale), Math.round(1_000 * scale))).toBe(true);
    expect(isRed(data, width, Math.round(1_950 * scale), Math.round(1_000 * scale))).toBe(false);
    await expect(szi.readTile(plan.pyramidLevel - 1, 0, 0)).rejects.toThrow('The pyramid has no tile');
  });

  test('that is damaged is refused', async () => {
    const path = join(await temporaryFolder(), 'image.png');
    await drawImage(path, 600, 600, { left: 0, top: 0, edge: 10 });
    const { blobs, plan } = await pyramidOf(path);
    const { path: szi } = await blobs.materialize('pyramid.szi');
    await using file = await open(szi, 'r+');
    await file.write(Buffer.alloc(100), 0, 100, 0);
    const reader = await openSzi(await blobSource(blobs, 'pyramid.szi'), plan);
    const reads = [0, 1, 2].flatMap((row) => [0, 1, 2].map((column) => reader.readTile(0, row, column)));
    const outcomes = await Promise.allSettled(reads);
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    await truncate(szi, (await stat(szi)).size - 1_000);
    await expect(openSzi(await blobSource(blobs, 'pyramid.szi'), plan)).rejects.toThrow();
  });

  test('holds the upright image if the file is rotated', async () => {
    const path = join(await temporaryFolder(), 'image.jpg');
    await drawImage(path, 800, 400, { left: 0, top: 0, edge: 100 }, 6); // 6: shown turned right by 90 degrees
    expect(await readHeader(imageIn(path))).toEqual({ format: 'jpeg', width: 400, height: 800, notes: [], temporaryBytes: 0 });
    const { blobs, plan } = await pyramidOf(path);
    const szi = await openSzi(await blobSource(blobs, 'pyramid.szi'), plan);
    const { data, info } = await sharp(await szi.readTile(0, 0, 1))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect(isRed(data, info.width, info.width - 50, 50)).toBe(true);
  });

  test.each([
    [[0, 0, 1_100, 700], 0.2],
    [[500, 240, 160, 160], 1],
    [[417, 201, 333, 277], 0.5],
    [[1_099, 699, 1, 1], 1],
  ] as const)('yields the box %j at scale %d, seams included', async (box, scale) => {
    const path = join(await temporaryFolder(), 'image.png');
    await drawImage(path, 1_100, 700, { left: 512, top: 256, edge: 128 });
    const { blobs, plan } = await pyramidOf(path);
    const szi = await openSzi(await blobSource(blobs, 'pyramid.szi'), plan);
    const { data, info } = await (await cutOut(szi, plan, [...box], scale)).image.raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([box[2], box[3]].map((side) => Math.max(1, Math.round(side * scale))));
    const wrong = Array.from({ length: info.width * info.height }, (_, index) => {
      const [x, y] = [index % info.width, Math.floor(index / info.width)];
      const [fullX, fullY] = [box[0] + (x + 0.5) / scale, box[1] + (y + 0.5) / scale];
      const distance = Math.max(Math.abs(fullX - 576), Math.abs(fullY - 320)) - 64; // from the square's edge, inside it below 0
      const nearEdge = Math.abs(distance) < 3 + 2 / scale; // JPEG and scaling blur it
      return nearEdge ? false : isRed(data, info.width, x, y) !== distance < 0;
    });
    expect(wrong.filter(Boolean)).toHaveLength(0);
  });
});
