// Parts of a pyramid with overlapping tiles: which tiles are decoded for them.
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import type { Box } from '../../../pipeline/contract/schemas.ts';
import { cutOut } from '../../../pipeline/imaging/cut-out.ts';
import { fileSource, openSzi } from '../../../pipeline/imaging/szi/szi.ts';
import { pyramidOf } from '../../support/drawn.ts';
import { temporaryFolder } from '../../support/folder.ts';

const SIZE = { width: 700, height: 500 };

test('a part that one tile shows with its margins is cut out of that tile alone', async () => {
  const path = join(await temporaryFolder(), 'ramp.png');
  const ramp = Buffer.alloc(SIZE.width * SIZE.height * 3);
  for (let place = 0; place < ramp.length; place++) ramp[place] = ((Math.floor(place / 3) % SIZE.width) * 255) / SIZE.width;
  await sharp(ramp, { raw: { ...SIZE, channels: 3 } }).toFile(path);
  const { blobs, plan } = await pyramidOf(path, { tile_size: 256, overlap: 64 });
  const szi = await openSzi(await fileSource((await blobs.materialize('pyramid.szi')).path), plan);
  const { stridePx, marginPx } = plan;
  const cases: [box: Box, tiles: number][] = [
    [[0, 0, stridePx, stridePx], 1],
    [[stridePx - 10, stridePx - 20, 30, marginPx], 1], // over the seams of four tiles
    [[stridePx - marginPx, stridePx - marginPx, stridePx + 2 * marginPx, stridePx + 2 * marginPx], 1], // all of the second one
    [[stridePx - marginPx - 1, stridePx, stridePx + 2, 40], 2], // a pixel more than it shows
    [[SIZE.width - 60, SIZE.height - 60, 60, 60], 1],
  ];
  for (const [box, tiles] of cases) {
    let reads = 0;
    const counted = {
      ...szi,
      async readTile(...tile: Parameters<typeof szi.readTile>) {
        reads++;
        return await szi.readTile(...tile);
      },
    };
    const { image } = await cutOut(counted, plan, box, 1);
    const shown = await image.raw().toBuffer({ resolveWithObject: true });
    expect([shown.info.width, shown.info.height]).toEqual([box[2], box[3]]);
    const [left, top, width, height] = box;
    const original = await sharp(path).extract({ left, top, width, height }).raw().toBuffer();
    expect(shown.data.reduce((most, value, index) => Math.max(most, Math.abs(value - (original[index] ?? -1))), 0)).toBeLessThan(
      8,
    );
    expect([box, reads]).toEqual([box, tiles]);
  }
});
