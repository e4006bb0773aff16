// Overhead of distributing an analysis, without the models: real pipeline, engine and images, and a scripted model that answers in
// 100 ms, throttles 1 % of calls and fails 0.5 % permanently. Each size runs in its own process; `npm run bench scale 9,900` selects sizes.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { z } from 'zod';
import { AnswerError, TransientError } from '../pipeline/contract/errors.ts';
import { keys } from '../pipeline/contract/keys.ts';
import { FindingsDocument } from '../pipeline/contract/schemas.ts';
import { NO_USAGE } from '../pipeline/contract/usage.ts';
import type { Log, Vision } from '../pipeline/ports.ts';
import { throttledVision } from '../pipeline/vision/throttled-vision.ts';
import type { BenchResult } from './run.ts';
import { drawNoise, EXECUTION, runOnce } from './scale-run.ts';

/** Number of tiles, and the side of a square image with about this number of tiles of 128 px, all levels counted. */
const SIDES: Record<number, number> = { 9: 250, 64: 660, 256: 1_320, 900: 2_480, 10000: 8_320, 100000: 26_100 };
const SIZES = Object.keys(SIDES).map(Number);
const ANSWER_MS = 100;
const CONCURRENCY = 64;
const SHARDS_AT_ONCE = 2;
const THROTTLED_SHARE = 0.01;
const FAILING_SHARE = 0.005;
const OVERHEAD_MAX = 1.25;
const OPERATIONS_MAX = 3_000;
const RSS_RATIO_MAX = 2;

const Figures = z.object({
  tiles: z.number(),
  executions: z.number(),
  wall_s: z.number(),
  detect_s: z.number(),
  ideal_s: z.number(),
  overhead: z.number(),
  operations_max: z.number(),
  rss_mb: z.number(),
  done: z.number(),
  failed: z.number(),
  accounted: z.boolean(),
});
type Figures = z.infer<typeof Figures>;

export async function run(): Promise<BenchResult> {
  const wanted = process.argv[3]?.split(',').map(Number) ?? SIZES;
  const bySize = new Map<number, Figures>();
  for (const size of SIZES.filter((one) => wanted.includes(one))) {
    const args = [import.meta.filename, String(size)];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const figures = Figures.parse(JSON.parse(stdout));
    console.log(JSON.stringify({ wanted: size, ...figures }));
    bySize.set(size, figures);
  }
  const all = [...bySize.values()];
  const of = (size: number, figure: 'overhead' | 'rss_mb') => bySize.get(size)?.[figure] ?? Number.NaN;
  const figures = {
    overhead_900: of(900, 'overhead'),
    overhead_10000: of(10_000, 'overhead'),
    operations_max: Math.max(...all.map(({ operations_max }) => operations_max)),
    rss_100000_by_900: Math.round((of(100_000, 'rss_mb') / of(900, 'rss_mb')) * 100) / 100,
    unaccounted: all.filter(({ accounted }) => !accounted).length,
  };
  const bars = {
    overhead_900: `<= ${OVERHEAD_MAX}`,
    overhead_10000: `<= ${OVERHEAD_MAX}`,
    operations_max: `<= ${OPERATIONS_MAX}`,
    rss_100000_by_900: `<= ${RSS_RATIO_MAX}`,
    unaccounted: '0',
  };
  const pass =
    figures.overhead_900 <= OVERHEAD_MAX &&
    figures.overhead_10000 <= OVERHEAD_MAX &&
    figures.operations_max <= OPERATIONS_MAX &&
    figures.rss_100000_by_900 <= RSS_RATIO_MAX &&
    figures.unaccounted === 0;
  return { figures, bars, pass };
}

function scriptedModel(): Vision {
  let calls = 0;
  const every = (share: number) => Math.round(1 / share);
  return {
    moderate: async () => ({ allowed: true, usage: NO_USAGE }),
    async detect() {
      const call = ++calls;
      await new Promise((resolve) => setTimeout(resolve, ANSWER_MS));
      if (call % every(THROTTLED_SHARE) === 0)
        throw new TransientError('Expected an answer, got a refusal.', { throttled: true });
      if (call % every(FAILING_SHARE) === 1) throw new AnswerError('Expected detections, got none.');
      return { detections: [], usage: { input_tokens: 1_000, output_tokens: 100, cost_usd: 0 }, clipped: 0, notes: [] };
    },
    verify: async () => ({ verdict: 'confirmed', usage: NO_USAGE }),
    summarize: async () => ({ summary: 'Nothing.', usage: NO_USAGE }),
  };
}

async function measure(size: number): Promise<Figures> {
  const folder = await mkdtemp(join(tmpdir(), 'tilesight-scale-'));
  const silent = () => {};
  const log: Log = { debug: silent, info: silent, warn: silent, error: silent };
  try {
    const image = await drawNoise(folder, SIDES[size] ?? 0);
    const beginMs = performance.now();
    const { file } = await runOnce({
      folder,
      image,
      log,
      vision: throttledVision(scriptedModel(), CONCURRENCY),
      // Concurrent shards share the limit, so that the total concurrency is the same for all sizes.
      tileConcurrency: size > 1_000 ? CONCURRENCY / SHARDS_AT_ONCE : CONCURRENCY,
      shardConcurrency: SHARDS_AT_ONCE,
    });
    const wall_s = (performance.now() - beginMs) / 1_000;
    const stored = await readFile(join(folder, 'blobs', keys.findings(EXECUTION)), 'utf8');
    const { tiles } = FindingsDocument.parse(JSON.parse(stored));
    const analyzed = tiles.done + tiles.failed.length;
    const ideal_s = (analyzed * ANSWER_MS) / CONCURRENCY / 1_000;
    const detect_s = (lastTileMs(file) - firstTileMs(file)) / 1_000;
    return {
      tiles: tiles.total,
      ...countsIn(file),
      wall_s,
      detect_s,
      ideal_s,
      overhead: Math.round((detect_s / ideal_s) * 100) / 100,
      rss_mb: Math.round((process.resourceUsage().maxRSS * 1_024) / 1_000_000),
      done: tiles.done,
      failed: tiles.failed.length,
      accounted: analyzed === tiles.total,
    };
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

const TILE_TIMES = `from operations where json ->> 'Name' like 'tile-%'`;

/** From the start of the first tile to the checkpoint of the last one, from the engine's rows. */
function firstTileMs(file: string): number {
  return timeIn(file, `select min(json ->> 'StartTimestamp') as at ${TILE_TIMES}`);
}

function lastTileMs(file: string): number {
  return timeIn(file, `select max(json ->> 'EndTimestamp') as at ${TILE_TIMES}`);
}

function timeIn(file: string, sql: string): number {
  const [row] = rowsOf(file, sql);
  return Date.parse(String(row?.at));
}

function countsIn(file: string): Pick<Figures, 'executions' | 'operations_max'> {
  const [row] = rowsOf(file, 'select count(*) as executions, max(operations) as most from executions');
  return { executions: Number(row?.executions), operations_max: Number(row?.most) };
}

function rowsOf(file: string, sql: string): Record<string, unknown>[] {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
}

if (process.argv[1] === import.meta.filename) console.log(JSON.stringify(await measure(Number(process.argv[2]))));
