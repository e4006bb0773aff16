// An execution of 10,000 tiles whose process tree is killed ten times: the findings must be the same; counts tiles that were analyzed
// twice. Engine and pipeline run in one child, so that a kill stops everything at once, like a power failure.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { at } from '../../pipeline/contract/at.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import type { Detection } from '../../pipeline/contract/schemas.ts';
import { FindingsDocument } from '../../pipeline/contract/schemas.ts';
import { NO_USAGE } from '../../pipeline/contract/usage.ts';
import type { Log, Vision } from '../../pipeline/ports.ts';
import { type BenchResult, resultOf, SILENT_LOG } from '../result.ts';
import { drawNoise, EXECUTION, runOnce } from '../scale-run.ts';

/** The side of a square of 9,900 tiles of 128 px. */
const SIDE_PX = 8_320;
const KILLS = 10;
/** The range of analyzed tiles before each kill: ten of these cover most of the execution. */
const TILES_BEFORE_KILL = [100, 1_500] as const;
const CONCURRENCY = 64;
/** A file with the name of every analyzed tile, a line each, as the child logs them. */
const ANALYZED = 'analyzed-tiles';
const ANSWER_MS = 100;

export async function run(): Promise<BenchResult> {
  const folder = await mkdtemp(join(tmpdir(), 'tilesight-kills-'));
  try {
    const image = await drawNoise(folder, SIDE_PX);
    const undisturbed = await runWithKills(join(folder, 'undisturbed'), image, 0);
    const killed = await runWithKills(join(folder, 'killed'), image, KILLS);
    console.log(
      JSON.stringify({
        undisturbed: { ...undisturbed, findings: undisturbed.findings.length },
        killed: { ...killed, findings: killed.findings.length },
      }),
    );
    const figures = {
      tiles: killed.tiles,
      kills: killed.kills,
      analyzed_twice: killed.analyzed - killed.tiles,
      findings: killed.findings.length,
      findings_that_differ: JSON.stringify(killed.findings) === JSON.stringify(undisturbed.findings) ? 0 : 1,
      unaccounted: killed.tiles - killed.accounted,
    };
    return resultOf(figures, {
      kills: ['=', KILLS],
      analyzed_twice: ['<=', KILLS * CONCURRENCY],
      findings: ['>', 0],
      findings_that_differ: ['=', 0],
      unaccounted: ['=', 0],
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Starts the run again after each kill, until it ends by itself. */
async function runWithKills(folder: string, image: string, kills: number) {
  await mkdir(folder, { recursive: true });
  let killed = 0;
  for (let start = 0; start < kills; start++) {
    const child = startRun(folder, image);
    const before = await analyzedIn(folder);
    const wanted = TILES_BEFORE_KILL[0] + Math.random() * (TILES_BEFORE_KILL[1] - TILES_BEFORE_KILL[0]);
    while (child.exitCode === null && (await analyzedIn(folder)) - before < wanted) await sleep(20);
    if (child.exitCode !== null) break;
    if (child.pid) process.kill(-child.pid, 'SIGKILL');
    await ended(child);
    killed++;
  }
  const code = await ended(startRun(folder, image));
  if (code !== 0) throw new Error(`The last run ended with code ${code}.`);
  const { findings, tiles } = FindingsDocument.parse(
    JSON.parse(await readFile(join(folder, 'blobs', keys.findings(EXECUTION)), 'utf8')),
  );
  const analyzed = (await readFile(join(folder, ANALYZED), 'utf8')).trim().split('\n');
  return { kills: killed, analyzed: analyzed.length, tiles: tiles.total, accounted: new Set(analyzed).size, findings };
}

async function analyzedIn(folder: string): Promise<number> {
  const analyzed = await readFile(join(folder, ANALYZED), 'utf8').catch(() => '');
  return analyzed.split('\n').length - 1;
}

/** In its own process group, so that a kill reaches all of it. */
function startRun(folder: string, image: string): ChildProcess {
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
    const hash = createHash('sha1').update(bytes).digest();
    const [first, left, top] = [at(hash, 0), at(hash, 1), at(hash, 2)];
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
  const [folder, image] = z.tuple([z.string(), z.string()]).parse(process.argv.slice(2));
  const recordTile = (facts: object) => {
    if ('tile' in facts) appendFileSync(join(folder, ANALYZED), `${facts.tile}\n`);
  };
  const log: Log = { ...SILENT_LOG, debug: recordTile };
  await runOnce({ folder, image, vision: model, log, tileConcurrency: CONCURRENCY / 2, shardConcurrency: 2 });
}
