import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { keys } from '../../../pipeline/contract/keys.ts';
import type { Box } from '../../../pipeline/contract/schemas.ts';
import { storedBox, storedView } from '../../../pipeline/imaging/views/stored-view.ts';
import type { Blobs } from '../../../pipeline/ports.ts';
import { pyramidOf } from '../../support/drawn.ts';
import { temporaryFolder } from '../../support/folder.ts';

const SIZE = { width: 1_900, height: 1_300 };
const PLAIN = { edgePxMax: 2_000, pixelsMax: 2_000_000, turn: 0, contrast: false, grid: false, findings: [] } as const;

/** Rises and falls, without a jump at which JPEG would ring. */
const wave = (place: number) => Math.abs((place % 200) - 100) * 2;

/** The stored pyramid of an image of waves, as execution e1. */
async function stored(wishes: { tile_size: number; overlap: number }) {
  const path = join(await temporaryFolder(), 'waves.png');
  const waves = Buffer.from(
    Array.from({ length: SIZE.width * SIZE.height }, (_, index) => {
      const [x, y] = [index % SIZE.width, Math.floor(index / SIZE.width)];
      return [wave(x), wave(y), wave(x + y)];
    }).flat(),
  );
  await sharp(waves, { raw: { ...SIZE, channels: 3 } })
    .png({ compressionLevel: 1 })
    .toFile(path);
  const { blobs, plan } = await pyramidOf(path, wishes);
  const { path: szi } = await blobs.materialize('pyramid.szi');
  await blobs.putFile(keys.pyramid('e1'), szi);
  return { blobs, plan, path };
}

test.each<[Box, string]>([
  [[0, 0, 1_900, 1_300], 'the whole image'],
  [[511, 255, 3, 515], 'a sliver over three rows of tiles'],
  [[1_899, 0, 1, 1_300], 'the last column'],
  [[600, 520, 100, 100], 'a part of one tile'],
  [[300, 1_000, 1_600, 300], 'the lower right corner'],
])('the box %j shows %s of an image without overlap, as the file does', async (box) => {
  const { blobs, plan, path } = await stored({ tile_size: 512, overlap: 0 });
  const { bytes } = await storedBox('e1', plan, box, 4_000_000, blobs);
  const shown = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
  expect([shown.info.width, shown.info.height]).toEqual([box[2], box[3]]);
  const [left, top, width, height] = box;
  const original = await sharp(path).extract({ left, top, width, height }).raw().toBuffer();
  const mostOff = shown.data.reduce((most, value, index) => Math.max(most, Math.abs(value - (original[index] ?? -1))), 0);
  expect(mostOff).toBeLessThan(30); // of 200, stored and shown as JPEG
});

test('the pixels of a view without overlap do not pass through this process', async () => {
  const { blobs, plan } = await stored({ tile_size: 512, overlap: 0 });
  const { bytes } = await storedBox('e1', plan, [0, 0, 1_800, 1_100], 4_000_000, blobs);
  const before = process.memoryUsage().arrayBuffers;
  await storedBox('e1', plan, [5, 7, 1_800, 1_100], 4_000_000, blobs);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(bytes.length + 1_000_000); // 5,940,000 pixels and more
});

test('of many views at once, four are rendered at a time, and one too many is refused', async () => {
  const { blobs, plan } = await stored({ tile_size: 512, overlap: 0 });
  const gate = Promise.withResolvers<void>();
  let [reading, most] = [0, 0];
  const slow = (): Blobs => ({
    ...blobs,
    async head(key) {
      most = Math.max(most, ++reading);
      await gate.promise;
      return await blobs.head(key).finally(() => reading--);
    },
  });
  const views = Array.from({ length: 105 }, async () => {
    const { width } = await storedView('e1', plan, { ...PLAIN, boxes: [[0, 0, 8, 8]] }, slow());
    return width;
  });
  const ends = Promise.allSettled(views);
  await sleep(50);
  gate.resolve();
  const refused = (await ends).filter((end) => end.status === 'rejected');
  expect(refused.map(({ reason }) => reason)).toEqual([
    expect.objectContaining({ name: 'TransientError', message: 'More than 100 views wait. Try again later.' }),
  ]);
  expect(most).toBe(4);
  expect((await storedView('e1', plan, { ...PLAIN, boxes: [[0, 0, 8, 8]] }, blobs)).width).toBe(8);
});
