// CPU time of `tilesight analyze` with the default models, compared with the inference of the same models on the same tiles in the same run,
// and with an earlier version: `npm run bench speed DIR`, a checkout with installed dependencies. Linux only: it reads /proc.
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as ort from 'onnxruntime-node';
import sharp from 'sharp';
import { z } from 'zod';
import { at } from '../../pipeline/contract/at.ts';
import { FindingsDocument } from '../../pipeline/contract/schemas.ts';
import { readHeader, smallCopy } from '../../pipeline/imaging/image-reader.ts';
import { writePyramid } from '../../pipeline/imaging/pyramid.ts';
import { fileSource, openSzi } from '../../pipeline/imaging/szi/szi.ts';
import { tilesOf } from '../../pipeline/planning/grid.ts';
import { DEFAULT_LIMITS } from '../../pipeline/planning/image-limits.ts';
import { planTiles } from '../../pipeline/planning/plan.ts';
import { preferredTileOf } from '../../pipeline/planning/tile-preferences.ts';
import { localModels } from '../../pipeline/vision/onnx/models.ts';
import { type BenchResult, median, resultOf, rounded } from '../result.ts';

const RUNS = 3;
const SAMPLE_MS = 50;
/** Linux counts CPU time in hundredths of a second. */
const TICKS_A_SECOND = 100;
const PAGE_BYTES = 4_096;
const MODELS = ['onnx:nanodet', 'onnx:ppocr'] as const;
const MODERATED_EDGE_PX = 1_024;
const LARGE = 'examples/lawn.jpg';
/** Nine tiles of 640 px with an overlap of 160, in two levels. */
const SMALL_CROP = { left: 2_000, top: 1_000, width: 1_560, height: 1_100 };

const RATIO_LARGE_MAX = 1.15;
const RATIO_SMALL_MAX = 1.3;
const OF_BASELINE_MAX = 0.45;

interface Measured {
  cpuS: number;
  wallS: number;
  /** All processes together. */
  peakMb: number;
  tiles: number;
}

export async function run(): Promise<BenchResult> {
  const folder = await mkdtemp(join(tmpdir(), 'tilesight-speed-'));
  try {
    const small = join(folder, 'small.jpg');
    await sharp(LARGE).extract(SMALL_CROP).jpeg({ quality: 92 }).toFile(small);
    const figures: Record<string, number> = {};
    for (const [name, image, runs] of [
      ['large', LARGE, 1],
      ['small', small, RUNS],
    ] as const) {
      const ratios: number[] = [];
      for (let run = 0; run < runs; run++) {
        const inferenceS = await inferenceCpu(image, folder);
        const product = await analyzed('.', image, folder);
        ratios.push(product.cpuS / inferenceS);
        console.log(JSON.stringify({ image: name, inference_cpu_s: rounded(inferenceS, 2), ...product }));
        Object.assign(figures, {
          [`${name}_tiles`]: product.tiles,
          [`${name}_cpu_s`]: product.cpuS,
          [`${name}_wall_s`]: product.wallS,
          [`${name}_peak_mb`]: product.peakMb,
        });
      }
      figures[`${name}_to_inference`] = rounded(median(ratios), 2);
    }
    const bars: Parameters<typeof resultOf>[1] = {
      large_to_inference: ['<=', RATIO_LARGE_MAX],
      small_to_inference: ['<=', RATIO_SMALL_MAX],
    };
    const [, baseline] = process.argv.slice(2);
    if (baseline !== undefined) {
      const [before, now] = [await analyzed(baseline, LARGE, folder), await analyzed('.', LARGE, folder)];
      console.log(JSON.stringify({ before, now }));
      figures.baseline_cpu_s = before.cpuS;
      figures.large_to_baseline = rounded(now.cpuS / before.cpuS, 2);
      bars.large_to_baseline = ['<=', OF_BASELINE_MAX];
    }
    return resultOf(figures, bars);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** CPU seconds inside of the models: moderation on a small copy, detection in every tile that the product would cut. */
async function inferenceCpu(path: string, folder: string): Promise<number> {
  const file = { path, page: 0, limits: DEFAULT_LIMITS };
  const plan = planTiles(
    await readHeader(file),
    { detail: 'standard', tile_size: null, overlap: null, grid: null, region: null, max_tiles: null, skip_blank: true },
    preferredTileOf(MODELS),
  );
  const sziPath = join(folder, `${plan.width}.szi`);
  await writePyramid(file, sziPath, plan);
  const szi = await openSzi(await fileSource(sziPath), plan);
  const copy = await smallCopy(file, MODERATED_EDGE_PX, folder);
  const inference = countedInference();
  try {
    const models = localModels(resolve('models'));
    const minScore = 0.4;
    await models({ model: 'nsfw', image: copy, minScore });
    for (const tile of tilesOf(plan)) {
      const [, , width, height] = tile.boxInLevel;
      const image = { bytes: await szi.readTile(tile.level, tile.row, tile.column), width, height };
      for (const model of ['nanodet', 'ppocr'] as const) await models({ model, image, minScore });
    }
  } finally {
    inference.stop();
  }
  return inference.seconds();
}

/** Counts the CPU time of all runs of sessions that are created from now on. onnxruntime-node runs them on the calling thread. */
function countedInference(): { seconds(): number; stop(): void } {
  const { create } = ort.InferenceSession;
  let microseconds = 0;
  const counted = async (...args: Parameters<typeof create>): Promise<ort.InferenceSession> => {
    const session = await create.apply(ort.InferenceSession, args);
    const { run: runModel } = session;
    session.run = async (feeds: Parameters<typeof runModel>[0]) => {
      const before = process.cpuUsage();
      const result: ort.InferenceSession.OnnxValueMapType = await Reflect.apply(runModel, session, [feeds]);
      const { user, system } = process.cpuUsage(before);
      microseconds += user + system;
      return result;
    };
    return session;
  };
  ort.InferenceSession.create = counted as typeof create;
  return {
    seconds: () => microseconds / 1e6,
    stop() {
      ort.InferenceSession.create = create;
    },
  };
}

/** Runs the command of a checkout, and adds up the CPU time of all of its processes. */
async function analyzed(checkout: string, image: string, folder: string): Promise<Measured> {
  const out = await mkdtemp(join(folder, 'out-'));
  const args = ['cli/tilesight.ts', 'analyze', resolve(image), '--out', out];
  const beganMs = performance.now();
  const child = spawn(process.execPath, args, {
    cwd: checkout,
    stdio: 'ignore',
    env: { PATH: '/usr/bin:/bin', TILESIGHT_HOME: join(out, 'home'), DETECTION_MODELS: MODELS.join(',') },
  });
  const ended = new Promise<number | null>((settle) => child.on('exit', settle));
  let isRunning = true;
  void ended.then(() => {
    isRunning = false;
  });
  const ticks = new Map<number, number>();
  let peakBytes = 0;
  while (isRunning) {
    const processes = await descendantsOf(child.pid ?? 0);
    for (const { pid, cpuTicks } of processes) ticks.set(pid, cpuTicks);
    peakBytes = Math.max(
      peakBytes,
      processes.reduce((sum, { bytes }) => sum + bytes, 0),
    );
    await Promise.race([sleep(SAMPLE_MS), ended]);
  }
  const code = await ended;
  if (code !== 0) throw new Error(`The analysis in ${checkout} ended with ${code}.`);
  const { tiles } = FindingsDocument.pick({ tiles: true }).parse(JSON.parse(await readFile(join(out, 'findings.json'), 'utf8')));
  const cpuTicks = [...ticks.values()].reduce((sum, one) => sum + one, 0);
  return {
    cpuS: rounded(cpuTicks / TICKS_A_SECOND, 1),
    wallS: rounded((performance.now() - beganMs) / 1_000, 1),
    peakMb: Math.round(peakBytes / 1e6),
    tiles: tiles.total,
  };
}

interface ProcessFigures {
  pid: number;
  parent: number;
  cpuTicks: number;
  bytes: number;
}

async function descendantsOf(root: number): Promise<ProcessFigures[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const all = (await Promise.all(names.map(figuresOf))).filter((one) => one !== null);
  const found = new Set([root]);
  for (let before = 0; before !== found.size; ) {
    before = found.size;
    for (const { pid, parent } of all) if (found.has(parent)) found.add(pid);
  }
  return all.filter(({ pid }) => found.has(pid));
}

/** `null` once the process has ended. The fields are those of proc(5), counted after the name, which may contain spaces. */
async function figuresOf(pid: string): Promise<ProcessFigures | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (stat === null) return null;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const number = (place: number) => z.coerce.number().parse(at(fields, place - 3));
  return { pid: Number(pid), parent: number(4), cpuTicks: number(14) + number(15), bytes: number(24) * PAGE_BYTES };
}
