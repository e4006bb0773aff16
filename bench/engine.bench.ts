// The cost of durability: trivial steps on the engine, with every checkpoint on disk, compared with the SDK's in-memory runner.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DurableContext, NestingType, withDurableExecution } from '@aws/durable-execution-sdk-js';
import { LocalDurableTestRunner } from '@aws/durable-execution-sdk-js-testing';
import { type Engine, openEngine } from '../local/engine/engine.ts';
import type { Invoker } from '../local/engine/invocation.ts';
import { stepGatePlugin } from '../local/engine/step-gate.ts';
import { at } from '../pipeline/contract/at.ts';
import { type BenchResult, median, resultOf, rounded, SILENT_LOG } from './result.ts';

const SIZES = [9, 64, 256, 900, 1_400, 2_900];
const CONCURRENCY = 50;
const RUNS = 3;
const clock = { now: () => new Date() };

/** Observes one run: counts its checkpoints and reports when a step begins. */
interface Watch {
  guarded: boolean;
  calls: number;
  bytes: number;
  begun: (n: number) => void;
}

const steps =
  (watch: Pick<Watch, 'begun'>) =>
  async ({ n }: { n: number }, context: DurableContext) => {
    const items = Array.from({ length: n }, (_, index) => index);
    const runStep = (child: DurableContext, index: number) =>
      child.step(`tile-${index}`, async () => {
        watch.begun(index);
        return { index };
      });
    const options = { nesting: NestingType.FLAT, maxConcurrency: CONCURRENCY, completionConfig: { toleratedFailureCount: n } };
    return (await context.map('tiles', items, runStep, options)).successCount;
  };

function invokerOf(watch: Watch): Invoker {
  return (event, client, timeoutMs) => {
    const counted = {
      ...client,
      checkpoint: (request: Parameters<typeof client.checkpoint>[0]) => {
        watch.calls += 1;
        watch.bytes += Buffer.byteLength(JSON.stringify(request.Updates ?? []));
        return client.checkpoint(request);
      },
    };
    const plugins = watch.guarded ? [stepGatePlugin(client)] : [];
    const deadline = Date.now() + timeoutMs;
    const context = { awsRequestId: 'bench', getRemainingTimeInMillis: () => deadline - Date.now() };
    return withDurableExecution(steps(watch), { durableExecutionClient: counted, plugins })(event, context as never);
  };
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'tilesight-bench-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function open(folder: string, watch: Watch): Engine {
  return openEngine({ file: join(folder, 'engine.db'), invoke: invokerOf(watch), clock, log: SILENT_LOG });
}

const watching = (guarded = true): Watch => ({ guarded, calls: 0, bytes: 0, begun: () => {} });

async function onEngine(n: number, guarded: boolean): Promise<Watch & { ms: number }> {
  return await inFolder(async (folder) => {
    const watch = watching(guarded);
    const engine = open(folder, watch);
    const from = performance.now();
    engine.startExecution('one', JSON.stringify({ n }));
    const { status } = await engine.ended('one');
    const ms = performance.now() - from;
    engine.close();
    if (status !== 'SUCCEEDED') throw new Error(`An execution of ${n} steps ended as ${status}.`);
    return { ...watch, ms };
  });
}

async function onRunner(n: number): Promise<number> {
  await LocalDurableTestRunner.setupTestEnvironment({ skipTime: false });
  const runner = new LocalDurableTestRunner({ handlerFunction: withDurableExecution(steps({ begun: () => {} })) });
  const from = performance.now();
  await runner.run({ payload: { n } });
  const ms = performance.now() - from;
  await LocalDurableTestRunner.teardownTestEnvironment();
  return ms;
}

/** Time from the start of a new engine to the first new step, with 2,000 of 2,900 steps done. */
async function replay(): Promise<number> {
  return await inFolder(async (folder) => {
    const { promise: enough, resolve: reached } = Promise.withResolvers<void>();
    const first = open(folder, { ...watching(), begun: (index) => index === 2_000 && reached() });
    first.startExecution('one', JSON.stringify({ n: 2_900 }));
    await enough;
    first.close();
    const { promise: next, resolve: begun } = Promise.withResolvers<void>();
    const second = open(folder, { ...watching(), begun: () => begun() });
    const from = performance.now();
    second.start();
    await next;
    const ms = performance.now() - from;
    await second.ended('one');
    second.close();
    return ms;
  });
}

/** Twenty concurrent executions of 200 steps: when the first step of each began. */
async function together(): Promise<{ ms: number; meanFirstMs: number; lastFirstMs: number; memoryMb: number }> {
  return await inFolder(async (folder) => {
    const from = performance.now();
    const first: number[] = [];
    const invoke: Invoker = (...invocation) => {
      let begun = false;
      const watch = watching();
      watch.begun = () => {
        if (!begun) first.push(performance.now() - from);
        begun = true;
      };
      return invokerOf(watch)(...invocation);
    };
    const engine = openEngine({ file: join(folder, 'engine.db'), invoke, clock, log: SILENT_LOG });
    const names = Array.from({ length: 20 }, (_, index) => `e-${index}`);
    for (const name of names) engine.startExecution(name, JSON.stringify({ n: 200 }));
    const rows = await Promise.all(names.map((name) => engine.ended(name)));
    const ms = performance.now() - from;
    engine.close();
    if (rows.some(({ status }) => status !== 'SUCCEEDED')) throw new Error('An execution did not succeed.');
    const meanFirstMs = first.reduce((sum, at) => sum + at, 0) / first.length;
    return { ms, meanFirstMs, lastFirstMs: Math.max(...first), memoryMb: process.memoryUsage().rss / 2 ** 20 };
  });
}

export async function run(): Promise<BenchResult> {
  await onEngine(64, true); // warm
  await onRunner(64);
  const wall = new Map<number, number>();
  const runner = new Map<number, number>();
  let guardMs = 0;
  for (const n of SIZES) {
    const runs: (Watch & { ms: number })[] = [];
    const bare: number[] = [];
    const runnerTimes: number[] = [];
    for (let round = 0; round < RUNS; round++) {
      runs.push(await onEngine(n, true));
      bare.push((await onEngine(n, false)).ms);
      runnerTimes.push(await onRunner(n));
    }
    const ms = median(runs.map((run) => run.ms));
    const { calls, bytes } = at(runs, 0);
    wall.set(n, ms);
    runner.set(n, median(runnerTimes));
    if (n === 900) guardMs = ms - median(bare);
    const line = { n, ms, ms_without_crash_guard: median(bare), calls, bytes, runner_ms: median(runnerTimes) };
    console.log(JSON.stringify(allRounded(line)));
  }
  const replays: number[] = [];
  for (let round = 0; round < RUNS; round++) replays.push(await replay());
  const crowd = await together();
  const msOf = (sizes: ReadonlyMap<number, number>, n: number): number => {
    const ms = sizes.get(n);
    if (ms === undefined) throw new Error(`${n} steps were not measured.`);
    return ms;
  };
  const figures = allRounded({
    ms_900: msOf(wall, 900),
    ratio_to_runner_900: msOf(wall, 900) / msOf(runner, 900),
    // Excludes the time before the first step on both sides: the runner always takes about 300 ms.
    ratio_to_runner_900_beyond_9: (msOf(wall, 900) - msOf(wall, 9)) / (msOf(runner, 900) - msOf(runner, 9)),
    growth_900_to_2900: msOf(wall, 2_900) / msOf(wall, 900),
    crash_guard_ms_900: guardMs,
    replay_2000_ms: median(replays),
    together_ms: crowd.ms,
    together_last_to_mean_first: crowd.lastFirstMs / crowd.meanFirstMs,
    together_memory_mb: crowd.memoryMb,
  });
  return resultOf(figures, {
    ratio_to_runner_900: ['<=', 1.5],
    growth_900_to_2900: ['<=', 4],
    replay_2000_ms: ['<', 500],
    together_last_to_mean_first: ['<=', 2],
  });
}

function allRounded(figures: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, rounded(value, 2)]));
}
