// An execution of 10,000 tiles whose process tree is killed ten times: the findings must be the same; counts tiles that were analyzed
// twice. Engine and pipeline run in one child, so that a kill stops everything at once, like a power failure.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { keys } from '../pipeline/contract/keys.ts';
import type { Detection } from '../pipeline/contract/schemas.ts';
import { FindingsDocument } from '../pipeline/contract/schemas.ts';
import { NO_USAGE } from '../pipeline/contract/usage.ts';
import type { Log, Vision } from '../pipeline/ports.ts';
import type { BenchResult } from './run.ts';
import { drawNoise, EXECUTION, runOnce } from './scale-run.ts';

const TILES_WANTED_PX = 8_320; // the side of a square of 9,900 tiles of 128 px
const KILLS = 10;
/** Detections before each kill: ten of these cover most of the execution. */
const TILES_BEFORE_KILL = [100, 1_500] as const;
const CONCURRENCY = 64;
const ANSWER_MS = 100;

export async function run(): Promise<BenchResult> {
  const folder = await mkdtemp(join(tmpdir(), 'tilesight-kills-'));
  try {
    const image = await drawNoise(folder, TILES_WANTED_PX);
    const calm = await lived(join(folder, 'calm'), image, 0);
    const stormy = await lived(join(folder, 'stormy'), image, KILLS);
    console.log(
      JSON.stringify({
        calm: { ...calm, findings: calm.findings.length },
        stormy: { ...stormy, findings: stormy.findings.length },
      }),
    );
    const figures = {
      tiles: stormy.tiles,
      kills: stormy.kills,
      analyzed_twice: stormy.analyzed - stormy.tiles,
      findings: stormy.findings.length,
      findings_that_differ: JSON.stringify(stormy.findings) === JSON.stringify(calm.findings) ? 0 : 1,
      unaccounted: stormy.tiles - stormy.accounted,
    };
    const bars = { kills: `${KILLS}`, analyzed_twice: `<= ${KILLS * CONCURRENCY}`, findings_that_differ: '0', unaccounted: '0' };
    const pass =
      figures.kills === KILLS &&
      figures.analyzed_twice <= KILLS * CONCURRENCY &&
      figures.findings_that_differ === 0 &&
      figures.unaccounted === 0 &&
      figures.findings > 0;
    return { figures, bars, pass };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function lived(folder: string, image: string, kills: number) {
  await mkdir(folder, { recursive: true });
  let killed = 0;
  for (let life = 0; life < kills; life++) {
    const child = live(folder, image);
    const before = await tilesAnalyzedIn(folder);
    const wanted = TILES_BEFORE_KILL[0] + Math.random() * (TILES_BEFORE_KILL[1] - TILES_BEFORE_KILL[0]);
    while (child.exitCode === null && (await tilesAnalyzedIn(folder)) - before < wanted) await sleep(20);
    if (child.exitCode !== null) break;
    if (child.pid) process.kill(-child.pid, 'SIGKILL');
    await ended(child);
    killed++;
  }
  const code = await ended(live(folder, image));
  if (code !== 0) throw new Error(`Expected the last run to end by itself, got code ${code}.`);
  const { findings, tiles } = FindingsDocument.parse(
    JSON.parse(await readFile(join(folder, 'blobs', keys.findings(EXECUTION)), 'utf8')),
  );
  const names = (await readFile(join(folder, 'analyzed'), 'utf8')).trim().split('\n');
  return { kills: killed, analyzed: names.length, tiles: tiles.total, accounted: new Set(names).size, findings };
}

async function tilesAnalyzedIn(folder: string): Promise<number> {
  const names = await readFile(join(folder, 'analyzed'), 'utf8').catch(() => '');
  return names.split('\n').length - 1;
}

/** In its own process group, so that a kill reaches all of it. */
function live(folder: string, image: string): ChildProcess {
  return spawn(process.execPath, [import.meta.filename, folder, image], {
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  const { promise, resolve } = Promise.withResolvers<number | null>();
  child.once('exit', (code) => resolve(code));
  return promise;
}

/** Detects something in one tile of twenty, decided by the tile's bytes alone. */
const model: Vision = {
  moderate: async () => ({ allowed: true, usage: NO_USAGE }),
  async detect(_model, { bytes }) {
    await sleep(ANSWER_MS);
    const [first = 0, left = 0, top = 0] = createHash('sha1').update(bytes).digest();
    const detection: Detection = {
      label: `thing ${first % 5}`,
      description: '',
      score: 0.9,
      severity: 'info',
      text: null,
      box: [20 + (left % 60), 20 + (top % 60), 30, 30],
    };
    return { detections: first % 20 === 0 ? [detection] : [], usage: NO_USAGE, clipped: 0, notes: [] };
  },
  verify: async () => ({ verdict: 'confirmed', usage: NO_USAGE }),
  summarize: async () => ({ summary: 'Nothing.', usage: NO_USAGE }),
};

if (process.argv[1] === import.meta.filename) {
  const [folder = '', image = ''] = process.argv.slice(2);
  const silent = () => {};
  const noted = (facts: object) => {
    if ('tile' in facts) appendFileSync(join(folder, 'analyzed'), `${facts.tile}\n`);
  };
  const log: Log = { debug: noted, info: silent, warn: silent, error: silent };
  await runOnce({ folder, image, vision: model, log, tileConcurrency: CONCURRENCY / 2, shardConcurrency: 2 });
}
