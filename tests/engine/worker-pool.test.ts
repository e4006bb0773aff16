// Worker processes that crash, hang or lose their parent: real processes, real kills.
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Engine, openEngine } from '../../local/engine/engine.ts';
import type { Freezing } from '../../local/workers/freezing.ts';
import { type WorkerPool, workerPool } from '../../local/workers/worker-pool.ts';
import { engineIn, invokerOf, resultOf, silent } from '../fixtures/engine-harness.ts';
import type { FixtureInput } from '../fixtures/worker.ts';
import { temporaryFolder } from '../support/folder.ts';

const entry = new URL('../fixtures/worker.ts', import.meta.url);
const REASON = 'The worker process crashed 3 times during this step. The step is not retried.';

interface Stage {
  folder: string;
  engine: Engine;
  workers: WorkerPool;
  start(name: string, tiles: string[], concurrency?: number): void;
  /** The tiles whose step started, in order, with the id of the process. */
  journal(name: string): Promise<{ tile: number; pid: number }[]>;
}

interface StageOptions {
  workersMax?: number;
  invocationTimeoutMs?: number;
  exited?: (pid: number) => void;
  freezing?: Freezing | null;
}

async function stageWith(options: StageOptions = {}): Promise<Stage> {
  const { workersMax = 2, invocationTimeoutMs = 60_000, exited = () => {}, freezing = null } = options;
  const folder = await temporaryFolder();
  const workers = workerPool({ entry, args: [], workersMax, exited, log: silent, ...(freezing && { freezing }) });
  const clock = { now: () => new Date() };
  const engine = openEngine({ file: join(folder, 'engine.db'), invoke: workers.invoke, clock, log: silent, invocationTimeoutMs });
  onTestFinished(async () => {
    engine.close();
    await workers.close();
  });
  const journalOf = (name: string) => join(folder, `${name}.journal`);
  return {
    folder,
    engine,
    workers,
    start(name, tiles, concurrency = 2) {
      const input: FixtureInput = { tiles, concurrency, journal: journalOf(name) };
      engine.startExecution(name, JSON.stringify(input));
    },
    journal: (name) => readJournal(journalOf(name)),
  };
}

async function readJournal(path: string): Promise<{ tile: number; pid: number }[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text
    .trim()
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [tile, pid] = line.split(' ').map(Number);
      return { tile: tile ?? -1, pid: pid ?? -1 };
    });
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(10);
}

/** A zombie, whose parent has not read its exit code yet, counts as ended. */
function alive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.trim().startsWith('Z');
}

const MODES: [mode: string, freezing: Freezing | null][] = [
  ['a worker process', null],
  ['a worker process that is frozen between invocations', { thawAfterMs: () => 30 }],
];

test('a worker process is frozen between invocations until the next one, or for a time', async () => {
  const isStopped = (pid: number) =>
    spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
      .stdout.trim()
      .startsWith('T');
  const times = [60_000, 400];
  const { engine, start, journal } = await stageWith({ workersMax: 1, freezing: { thawAfterMs: () => times.shift() ?? 60_000 } });
  start('one', ['ok']);
  await engine.ended('one');
  const [{ pid } = { pid: -1 }] = await journal('one');
  await until(() => isStopped(pid));
  start('two', ['ok']);
  expect(resultOf(await engine.ended('two'))).toEqual({ succeeded: 1, failed: [] });
  expect((await journal('two')).map((row) => row.pid)).toEqual([pid]);
  await until(() => isStopped(pid));
  await until(() => !isStopped(pid));
  expect(alive(pid)).toBe(true);
});

describe.each(MODES)('%s', (_, freezing) => {
  const stage = (options: StageOptions = {}) => stageWith({ ...options, freezing });

  test('that crashes is replaced, and its finished steps do not run again', async () => {
    const { engine, start, journal } = await stage();
    start('one', ['ok', 'ok', 'ok', 'kill-once', 'ok', 'ok'], 1);
    expect(resultOf(await engine.ended('one'))).toEqual({ succeeded: 6, failed: [] });
    expect((await journal('one')).map(({ tile }) => tile)).toEqual([0, 1, 2, 3, 3, 4, 5]);
  });

  test('that hangs is killed at the invocation timeout, and a tile that hangs every time fails', async () => {
    const { engine, start, journal } = await stage({ invocationTimeoutMs: 700 });
    start('one', ['ok', 'hang', 'ok'], 1);
    expect(resultOf(await engine.ended('one'))).toEqual({ succeeded: 2, failed: [{ index: 1, reason: REASON }] });
    expect((await journal('one')).filter(({ tile }) => tile === 1)).toHaveLength(3);
  });

  test('runs one invocation at a time, and waiting invocations run in order', async () => {
    const { engine, start, journal } = await stage({ workersMax: 1 });
    const names = ['a', 'b', 'c', 'd'];
    for (const name of names) start(name, ['slow', 'slow']);
    const order: string[] = [];
    await Promise.all(names.map((name) => engine.ended(name).then(() => order.push(name))));
    expect(order).toEqual(names);
    const pids = new Set((await Promise.all(names.map(journal))).flat().map(({ pid }) => pid));
    expect(pids.size).toBe(1);
  });

  test('starts only below the maximum number of workers', async () => {
    const { engine, start, journal, folder } = await stage({ workersMax: 2 });
    const go = join(folder, 'go');
    for (const name of ['a', 'b', 'c']) start(name, [`wait-for:${go}`]);
    await until(async () => (await journal('a')).length === 1 && (await journal('b')).length === 1);
    expect(await journal('c')).toEqual([]);
    await writeFile(go, '');
    await Promise.all(['a', 'b', 'c'].map((name) => engine.ended(name)));
    const pids = new Set((await Promise.all(['a', 'b', 'c'].map(journal))).flat().map(({ pid }) => pid));
    expect(pids.size).toBe(2);
  });

  test('ends when the pool closes, and waiting invocations are refused', async () => {
    const { engine, workers, start, journal } = await stage({ workersMax: 1 });
    start('a', ['hang']);
    start('b', ['ok']);
    await until(async () => (await journal('a')).length === 1);
    const [{ pid } = { pid: 0 }] = await journal('a');
    engine.close();
    await workers.close();
    expect(alive(pid)).toBe(false);
    await expect(workers.invoke({} as never, {} as never, 1_000, AbortSignal.any([]))).rejects.toThrow(
      /The worker pool is closed\./,
    );
  });
});

const stage = stageWith;

describe('the worker of a stopped execution', () => {
  const FREE_WITHIN_MS = 5_000;

  test('is free within 5 s even if a step hangs, and the execution that waited for it runs', async () => {
    const { engine, start, journal } = await stage({ workersMax: 1 });
    start('a', ['hang']);
    await until(async () => (await journal('a')).length === 1);
    start('b', ['ok', 'ok']);
    engine.stop('a');
    const stoppedMs = Date.now();
    expect(resultOf(await engine.ended('b'))).toEqual({ succeeded: 2, failed: [] });
    expect(Date.now() - stoppedMs).toBeLessThan(FREE_WITHIN_MS);
    expect(engine.describe('a')?.status).toBe('STOPPED');
    const [{ pid } = { pid: 0 }] = await journal('a');
    expect(alive(pid)).toBe(false);
    expect(await journal('a')).toHaveLength(1);
  });

  test('stays warm if its step ends in time', async () => {
    const { engine, start, journal, folder } = await stage({ workersMax: 1 });
    const go = join(folder, 'go');
    start('a', [`wait-for:${go}`, 'ok'], 1);
    await until(async () => (await journal('a')).length === 1);
    start('b', ['ok']);
    engine.stop('a');
    await writeFile(go, '');
    expect(resultOf(await engine.ended('b'))).toEqual({ succeeded: 1, failed: [] });
    expect((await journal('b'))[0]?.pid).toBe((await journal('a'))[0]?.pid);
  });

  test('never runs it if it was stopped while it waited', async () => {
    const { engine, start, journal, folder } = await stage({ workersMax: 1 });
    const go = join(folder, 'go');
    start('a', [`wait-for:${go}`]);
    await until(async () => (await journal('a')).length === 1);
    start('b', ['ok']);
    start('c', ['ok']);
    engine.stop('b');
    await writeFile(go, '');
    await Promise.all(['a', 'c'].map((name) => engine.ended(name)));
    expect(await journal('b')).toEqual([]);
  });

  test('is reported once it has ended, so that its temporary files can be deleted', async () => {
    const ended: number[] = [];
    const { engine, start, journal } = await stage({ workersMax: 1, exited: (pid) => ended.push(pid) });
    start('a', ['hang']);
    await until(async () => (await journal('a')).length === 1);
    engine.stop('a');
    await until(() => ended.length === 1);
    expect(ended).toEqual([(await journal('a'))[0]?.pid]);
  });
});

test('an execution that is stopped stops those that it invoked', async () => {
  const { promise: running, resolve: runs } = Promise.withResolvers<void>();
  const folder = await temporaryFolder();
  const engine = engineIn(
    folder,
    invokerOf((_, context) => context.invoke('shard-0', 'shard', {})),
    {
      functions: {
        shard: invokerOf(async (_, context) => {
          await context.step('long', async () => {
            runs();
            await new Promise(() => {});
          });
        }),
      },
    },
  );
  onTestFinished(() => engine.close());
  engine.startExecution('one', '{}');
  await running;
  engine.stop('one');
  const rows = engine.list({
    statuses: ['RUNNING', 'STOPPED'],
    startedAfter: 0,
    startedBefore: Number.MAX_SAFE_INTEGER,
    newestFirst: false,
    after: null,
    limit: 10,
  });
  expect(rows.map(({ status }) => status)).toEqual(['STOPPED', 'STOPPED']);
});

describe('a tile that crashes its process', () => {
  test.each(['kill', 'kill-late'])(
    'every time (%s) fails alone after three attempts, and all other tiles finish',
    async (how) => {
      const { engine, start, journal } = await stage();
      const tiles = ['slow', 'slow', how, 'slow', 'slow', 'slow', how, 'slow', 'slow', 'slow'];
      start('one', tiles, 4);
      const failed = [2, 6].map((index) => ({ index, reason: REASON }));
      expect(resultOf(await engine.ended('one'))).toEqual({ succeeded: 8, failed });
      const started = (await journal('one')).map(({ tile }) => tile);
      for (const culprit of [2, 6]) expect(started.filter((tile) => tile === culprit)).toHaveLength(3);
      // An innocent tile runs beside a culprit only until its first crash: it repeats at most once for each culprit.
      for (const tile of tiles.keys()) expect(started.filter((other) => other === tile).length).toBeLessThanOrEqual(3);
    },
  );

  test('is identified even if all tiles are in flight in every crash', async () => {
    const { engine, start } = await stage();
    start('one', ['slow', 'kill', 'slow', 'slow'], 4);
    expect(resultOf(await engine.ended('one'))).toEqual({ succeeded: 3, failed: [{ index: 1, reason: REASON }] });
  });

  test('does not fail if a signal from outside ended the process', async () => {
    const { engine, start, journal, folder } = await stage();
    const go = join(folder, 'go');
    start('one', [`wait-for:${go}`], 1);
    for (let kills = 1; kills <= 3; kills++) {
      await until(async () => (await journal('one')).length === kills);
      const { pid } = (await journal('one')).at(-1) ?? { pid: 0 };
      process.kill(pid, 'SIGTERM');
      await until(() => !alive(pid));
    }
    await writeFile(go, '');
    expect(resultOf(await engine.ended('one'))).toEqual({ succeeded: 1, failed: [] });
  });
});

describe('kill -9 of the server', () => {
  function serverOver(folder: string, input: FixtureInput): { server: ChildProcess; output: Promise<string> } {
    const server = fork(new URL('../fixtures/server.ts', import.meta.url), [folder, JSON.stringify(input)], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    onTestFinished(() => void server.kill('SIGKILL'));
    const { promise, resolve } = Promise.withResolvers<string>();
    let text = '';
    server.stdout?.on('data', (chunk) => {
      text += chunk;
      if (text.includes('\n')) resolve(text);
    });
    return { server, output: promise };
  }

  test('ends its workers, even one that hangs', async () => {
    const folder = await temporaryFolder();
    const journal = join(folder, 'journal');
    const { server } = serverOver(folder, { tiles: ['hang'], concurrency: 1, journal });
    await until(async () => (await readJournal(journal)).length === 1);
    const [{ pid } = { pid: 0 }] = await readJournal(journal);
    server.kill('SIGKILL');
    await until(() => !alive(pid));
  });

  test('fails no tile, however often: each restart resumes, and the next server gets the database', async () => {
    const folder = await temporaryFolder();
    const journal = join(folder, 'journal');
    const go = join(folder, 'go');
    const tiles = ['ok', 'ok', `wait-for:${go}`, `wait-for:${go}`, 'ok', 'ok'];
    const input = { tiles, concurrency: 2, journal };
    for (let kills = 0; kills < 3; kills++) {
      const before = (await readJournal(journal)).length;
      const { server } = serverOver(folder, input);
      // Only the two waiting tiles are in flight.
      await until(async () => (await readJournal(journal)).length >= before + 2 + (kills === 0 ? 2 : 0));
      server.kill('SIGKILL');
      await until(() => server.exitCode !== null || server.signalCode !== null);
    }
    await writeFile(go, '');
    expect(await serverOver(folder, input).output).toBe('SUCCEEDED {"succeeded":6,"failed":[]}\n');
    const started = (await readJournal(journal)).map(({ tile }) => tile);
    expect(started.filter((tile) => tile === 0 || tile === 1)).toHaveLength(2);
    expect(started.filter((tile) => tile === 2)).toHaveLength(4);
  });
});
