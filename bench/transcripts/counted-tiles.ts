// A task for an agent's own eyes: count objects in 24 tiles that next_tiles hands out, without any model of the server.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { z } from 'zod';
import { at } from '../../pipeline/contract/at.ts';
import { seededRandom } from '../../tests/support/seeded-random.ts';
import { areasOf, type Color } from './eyes.ts';
import type { RecordedAnswer, RecordedClient } from './recorded-client.ts';
import type { Prepared, Task } from './task.ts';

const SIZE = { width: 2_200, height: 1_300 };
const TILES = 24; // 15 in full resolution, 6, 2 and 1 in the coarser levels
const OBJECTS = 37;
const OBJECT_PX = 44;
const CELLS = { across: 24, down: 12 }; // so that no two objects touch
const isObject = ([red, green, blue]: Color) => red > 150 && green < 90 && blue < 90;

const Started = z.object({ execution_id: z.string(), tiles: z.object({ total: z.literal(TILES) }) });
const Reported = z.object({ accepted: z.number(), pending: z.number() });
const Ended = z.object({ status: z.string() });
const Page = z.object({ findings: z.array(z.object({ label: z.string() })) });

export const countedTiles = {
  title: 'Count by own eyes, tile by tile',
  async prepare(folder: string): Promise<Prepared> {
    const { between } = seededRandom(7);
    const cells = Array.from({ length: CELLS.across * CELLS.down }, (_, index) => index);
    const marks = Array.from({ length: OBJECTS }, () => {
      const cell = at(cells.splice(between(0, cells.length - 1), 1), 0);
      const [edgeX, edgeY] = [Math.floor(SIZE.width / CELLS.across), Math.floor(SIZE.height / CELLS.down)];
      const left = (cell % CELLS.across) * edgeX + between(4, edgeX - OBJECT_PX - 4);
      const top = Math.floor(cell / CELLS.across) * edgeY + between(4, edgeY - OBJECT_PX - 4);
      return `<rect x="${left}" y="${top}" width="${OBJECT_PX}" height="${OBJECT_PX}" fill="#d01818"/>`;
    });
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${SIZE.width}" height="${SIZE.height}">${marks.join('')}</svg>`;
    const path = join(folder, 'crates.png');
    const noise = { type: 'gaussian', mean: 128, sigma: 12 } as const;
    await sharp({ create: { ...SIZE, channels: 3, background: '#808080', noise } })
      .composite([{ input: Buffer.from(svg) }])
      .png()
      .toFile(path);
    const image = pathToFileURL(path).href;
    return { expected: String(OBJECTS), environment: {}, solve: (client) => count(client, image) };
  },
} satisfies Task;

async function count(client: RecordedClient, image: string): Promise<string> {
  const request = {
    image,
    look_for: 'Red crates',
    models: { detection: ['agent:'] },
    tile_size: 512,
    overlap: 64,
    detail: 'fine',
  };
  const { execution_id } = Started.parse((await client.call('analyze_image', { ...request, wait_seconds: 20 })).structured);
  for (let pending = 1; pending > 0; ) {
    const tiles = await client.call('next_tiles', { execution_id, count: 8 });
    if (tiles.images.length === 0) break;
    const reported = await client.call('report_tiles', { execution_id, reports: await reportsOn(tiles) });
    ({ pending } = Reported.parse(reported.structured));
  }
  for (;;) {
    const { structured } = await client.call('get_execution', { execution_id, wait_seconds: 20 });
    if (Ended.parse(structured).status !== 'RUNNING') break;
  }
  const { structured } = await client.call('list_findings', { execution_id, limit: 100 });
  return String(Page.parse(structured).findings.length);
}

async function reportsOn({ words, images }: RecordedAnswer): Promise<object[]> {
  const ids = [...words.matchAll(/Tile (\S+), \d+ x \d+ pixels:/g)].map(([, id]) => id);
  return await Promise.all(
    images.map(async ({ bytes }, index) => {
      const areas = await areasOf(bytes, isObject);
      const detections = areas.map(([left, top, width, height]) => ({
        label: 'crate',
        left,
        top,
        right: left + width,
        bottom: top + height,
        score: 0.9,
        severity: 'info',
        description: '',
        text: '',
      }));
      return { tile: ids[index], detections };
    }),
  );
}
