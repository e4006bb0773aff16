// Views of images without an analysis, through the real server: the first view of a file, and views once its tiles are stored, beside
// opening the file with sharp, decoding it whole and cutting the same box in the same run.
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import sharp from 'sharp';
import { serve } from '../../local/serve.ts';
import { readConfig } from '../../pipeline/config.ts';
import { at } from '../../pipeline/contract/at.ts';
import { type BenchResult, median, resultOf, rounded, SILENT_LOG } from '../result.ts';

const SIZES = { '24mp': [6_000, 4_000], '100mp': [12_500, 8_000], '400mp': [25_000, 16_000] } as const;
const FORMATS = ['jpg', 'png', 'tif'] as const;
const RUNS = 3;
const WARM_VIEWS = 60;
const BOX_PX = 1_000;
const SOURCE = 'examples/lawn.jpg';
const TILED_MS_MAX = 180_000;

export async function run(): Promise<BenchResult> {
  const folder = await mkdtemp(join(tmpdir(), 'tilesight-look-'));
  const figures: Record<string, number> = {};
  const warm: number[] = [];
  try {
    const config = readConfig({ LOG_LEVEL: 'silent' });
    const server = await serve({ config, dataFolder: join(folder, 'data'), allowedFolders: [folder], port: 0, log: SILENT_LOG });
    const client = new Client({ name: 'bench', version: '1' });
    await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', server.url)));
    try {
      let versions = 0;
      for (const [size, [width, height]] of Object.entries(SIZES)) {
        for (const format of FORMATS) {
          const name = `${format}-${size}`;
          const { cold, whole, warmMs } = await measured(
            client,
            join(folder, `${name}.${format}`),
            { width, height },
            folder,
            versions,
          );
          versions += RUNS;
          Object.assign(figures, {
            [`${name}-cold-ms`]: Math.round(cold),
            [`${name}-cold-of-whole`]: rounded(cold / whole, 3),
            [`${name}-warm-p95-ms`]: Math.round(percentile(warmMs)),
            [`${name}-warm-of-whole`]: rounded(percentile(warmMs) / whole, 4),
          });
          warm.push(...warmMs);
        }
      }
    } finally {
      await client.close();
      await server.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  figures['warm-p95-ms'] = Math.round(percentile(warm));
  return resultOf(figures, { 'jpg-100mp-cold-ms': ['<=', 2_000], 'warm-p95-ms': ['<=', 50] });
}

interface Size {
  width: number;
  height: number;
}

async function measured(client: Client, first: string, size: Size, folder: string, versions: number) {
  const seconds: { cold: number[]; whole: number[] } = { cold: [], whole: [] };
  const box = [Math.floor((size.width - BOX_PX) * 0.7), Math.floor((size.height - BOX_PX) * 0.8), BOX_PX, BOX_PX] as const;
  await draw(first, size);
  for (let run = 0; run < RUNS; run++) {
    // Another version of the file: no view of it was stored.
    await touch(first, run);
    seconds.cold.push(await timed(async () => await view(client, first, box)));
    seconds.whole.push(await timed(async () => await wholeAndCut(first, box)));
    await untilTiled(folder, versions + run + 1);
  }
  const warmMs: number[] = [];
  for (let index = 0; index < WARM_VIEWS; index++) {
    const left = Math.floor((size.width - BOX_PX) * ((index * 0.618) % 1));
    const top = Math.floor((size.height - BOX_PX) * ((index * 0.414) % 1));
    warmMs.push(await timed(async () => await view(client, first, [left, top, BOX_PX, BOX_PX])));
  }
  await rm(first);
  return { cold: median(seconds.cold), whole: median(seconds.whole), warmMs };
}

async function draw(path: string, { width, height }: Size): Promise<void> {
  const image = sharp(SOURCE).resize(width, height, { fit: 'fill' });
  if (path.endsWith('.png')) await image.png({ compressionLevel: 1 }).toFile(path);
  else if (path.endsWith('.tif')) await image.tiff({ compression: 'lzw', predictor: 'horizontal' }).toFile(path);
  else await image.jpeg({ quality: 90 }).toFile(path);
}

async function touch(path: string, run: number): Promise<void> {
  await utimes(path, 1_700_000_000 + run, 1_700_000_000 + run);
}

async function view(client: Client, path: string, box: readonly number[]): Promise<void> {
  const { isError, content } = await client.callTool({
    name: 'view_region',
    arguments: { image: pathToFileURL(path).href, box },
  });
  if (isError) throw new Error(JSON.stringify(content));
}

/** What a script does: decodes the whole file, keeps it, and cuts. */
async function wholeAndCut(path: string, [left, top, width, height]: readonly [number, number, number, number]): Promise<void> {
  const { data, info } = await sharp(path, { limitInputPixels: false }).raw().toBuffer({ resolveWithObject: true });
  await sharp(data, { raw: info, limitInputPixels: false })
    .extract({ left, top, width, height })
    .jpeg({ quality: 85 })
    .toBuffer();
}

/** Until the tiles of a number of images are stored. */
async function untilTiled(folder: string, images: number): Promise<void> {
  const deadline = Date.now() + TILED_MS_MAX;
  for (;;) {
    const stored = await readdir(join(folder, 'data/blobs/executions'), { recursive: true }).catch(() => []);
    if (stored.filter((file) => file.endsWith('pyramid.szi')).length >= images) return;
    if (Date.now() > deadline) throw new Error(`The tiles were not stored within ${TILED_MS_MAX / 1_000} s.`);
    await sleep(200);
  }
}

async function timed(body: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await body();
  return performance.now() - started;
}

function percentile(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return at(sorted, Math.min(sorted.length - 1, Math.floor(sorted.length * 0.95)));
}
