// The execution timeout counts running time. A closed server and a sleeping machine do not run.

import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type Engine, openEngine } from '../../local/engine/engine.ts';
import { invokerOf, runOnce, silent } from '../fixtures/engine-harness.ts';
import { temporaryFolder } from '../support/folder.ts';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** A machine whose clock a test moves. Timers fire when the machine is awake. */
async function machine() {
  const folder = await temporaryFolder();
  let nowMs = Date.UTC(2026, 0, 1);
  const due = new Map<symbol, { atMs: number; work: () => void }>();
  const open = (): Engine => {
    const engine = openEngine({
      file: join(folder, 'engine.db'),
      invoke: invokerOf(async (_, context) => await context.wait('long', { days: 9 })),
      clock: { now: () => new Date(nowMs) },
      log: silent,
      executionTimeoutMs: 24 * HOUR_MS,
      afterDelay(ms, work) {
        const id = Symbol();
        due.set(id, { atMs: nowMs + ms, work });
        return () => void due.delete(id);
      },
    });
    engine.start();
    return engine;
  };
  let engine = open();
  onTestFinished(() => engine.close());
  const settle = () => new Promise((resolve) => setTimeout(resolve, 20));
  const fire = () => {
    for (const [id, { atMs, work }] of [...due]) {
      if (atMs > nowMs || !due.delete(id)) continue;
      work();
    }
  };
  return {
    async start() {
      void runOnce(engine);
      await settle();
    },
    status: () => engine.describe('one')?.status,
    /** The machine is awake, and the server runs. */
    async run(ms: number) {
      for (const end = nowMs + ms; nowMs < end; fire()) nowMs += MINUTE_MS;
      await settle();
    },
    /** The machine sleeps; its timers fire late. */
    async sleep(ms: number) {
      nowMs += ms;
      fire();
      await settle();
    },
    /** The server is down. */
    async down(ms: number) {
      engine.close();
      due.clear();
      nowMs += ms;
      engine = open();
      await settle();
    },
  };
}

test('an execution times out after a day of running time', async () => {
  const { start, run, status } = await machine();
  await start();
  await run(23 * HOUR_MS);
  expect(status()).toBe('RUNNING');
  await run(1.2 * HOUR_MS);
  expect(status()).toBe('TIMED_OUT');
});

test.each(['sleep', 'down'] as const)(
  'hours in which the machine or the server does not run do not count (%s)',
  async (pause) => {
    const { start, run, status, ...pauses } = await machine();
    await start();
    await run(2 * HOUR_MS);
    await pauses[pause](48 * HOUR_MS);
    expect(status()).toBe('RUNNING');
    await run(20 * HOUR_MS);
    await pauses[pause](7 * HOUR_MS);
    expect(status()).toBe('RUNNING');
    await run(2.5 * HOUR_MS);
    expect(status()).toBe('TIMED_OUT');
  },
);
