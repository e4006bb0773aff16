// The real engine with real worker processes that run the pipeline over a folder, with the scripted model of the fixture.
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Engine, openEngine } from '../../local/engine/engine.ts';
import type { Freezing } from '../../local/workers/freezing.ts';
import { workerPool } from '../../local/workers/worker-pool.ts';
import { silent } from '../fixtures/engine-harness.ts';

interface WorkersOptions {
  workersMax: number;
  /** Limits of the pipeline that differ from the usual ones of tests. */
  limits?: object;
  freezing?: Freezing | null;
}

/** Both end with the test. */
export function pipelineWorkers(folder: string, { workersMax, limits = {}, freezing = null }: WorkersOptions): Engine {
  const workers = workerPool({
    entry: new URL('../fixtures/pipeline-worker.ts', import.meta.url),
    args: [folder, JSON.stringify(limits)],
    workersMax,
    log: silent,
    ...(freezing && { freezing }),
  });
  const engine = openEngine({
    file: join(folder, 'engine.db'),
    invoke: workers.invoke,
    clock: { now: () => new Date() },
    log: silent,
  });
  engine.start();
  onTestFinished(async () => {
    engine.close();
    await workers.close();
  });
  return engine;
}
