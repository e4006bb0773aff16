// After a crash the engine pauses before it runs an execution again, at last for up to a minute. An execution that ends meanwhile is free
// at once: no caller has to wait before it is deleted.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openEngine } from '../../local/engine/engine.ts';
import { ProcessLost } from '../../local/engine/step-gate.ts';
import { temporaryFolder } from '../support/folder.ts';

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

/** An engine whose workers always crash. Pauses of at least `endlessMs` never end by themselves. */
async function crashing(endlessMs: number) {
  const world = { crashes: 0 };
  const engine = openEngine({
    file: join(await temporaryFolder(), 'engine.db'),
    clock: { now: () => new Date() },
    log: SILENT,
    invoke: async () => {
      world.crashes++;
      throw new ProcessLost('The worker process exited with SIGSEGV.');
    },
    afterDelay(ms, work) {
      if (ms >= endlessMs) return () => {};
      const timer = setTimeout(work, 0);
      return () => clearTimeout(timer);
    },
  });
  engine.start();
  engine.startExecution('poison', '{}');
  return { engine, world };
}

test('an execution that is stopped while it pauses after a crash can be deleted at once', async () => {
  const { engine, world } = await crashing(0);
  await expect.poll(() => world.crashes).toBe(1);
  engine.stop('poison');
  await expect.poll(() => engine.forget('poison')).toBe(true);
  engine.close();
});

test('an execution that has crashed too often has ended at once, and can be deleted', async () => {
  const { engine } = await crashing(20_000);
  expect((await engine.ended('poison')).status).toBe('FAILED');
  await expect.poll(() => engine.forget('poison')).toBe(true);
  engine.close();
});
