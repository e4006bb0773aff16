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
import type { Vision } from '../pipeline/ports.ts';
import { throttledVision, throttleGates } from '../pipeline/vision/throttled-vision.ts';
import { type BenchResult, resultOf, rounded, SILENT_LOG } from './result.ts';
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

const Measured = z.object({
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
type Measured = z.infer<typeof Measured>;

export async function run(): Promise<BenchResult> {
  const wanted = process.argv[3]?.split(',').map(Number) ?? SIZES;
  const bySize = new Map<number, Measured>();
  for (const size of SIZES.filter((known) => wanted.includes(known))) {
    const args = [import.meta.filename, String(size)];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const measured = Measured.parse(JSON.parse(stdout));
    console.log(JSON.stringify({ wanted: size, ...measured }));
    bySize.set(size, measured);
  }
  const all = [...bySize.values()];
  const figureOf = (size: number, figure: 'overhead' | 'rss_mb') => bySize.get(size)?.[figure] ?? Number.NaN; // NaN meets no bar
  const figures = {
    overhead_900: figureOf(900, 'overhead'),
    overhead_10000: figureOf(10_000, 'overhead'),
    operations_max: Math.max(...all.map(({ operations_max }) => operations_max)),
    rss_100000_by_900: rounded(figureOf(100_000, 'rss_mb') / figureOf(900, 'rss_mb'), 2),
    unaccounted: all.filter(({ accounted }) => !accounted).length,
  };
  return resultOf(figures, {
    overhead_900: ['<=', OVERHEAD_MAX],
    overhead_10000: ['<=', OVERHEAD_MAX],
    operations_max: ['<=', OPERATIONS_MAX],
    rss_100000_by_900: ['<=', RSS_RATIO_MAX],
    unaccounted: ['=', 0],
  });
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

async function measure(size: number): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), 'tilesight-scale-'));
  try {
    const sidePx = SIDES[size];
    if (sidePx === undefined) throw new Error(`Choose a size of ${SIZES.join(', ')}, not ${size}.`);
    const image = await drawNoise(folder, sidePx);
    const beginMs = performance.now();
    const { file } = await runOnce({
      folder,
      image,
      log: SILENT_LOG,
      vision: throttledVision(scriptedModel(), throttleGates(CONCURRENCY)),
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
      overhead: rounded(detect_s / ideal_s, 2),
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

function countsIn(file: string): Pick<Measured, 'executions' | 'operations_max'> {
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
