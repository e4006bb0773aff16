// Executions whose model is throttled wait in the engine, not in a process, and take few operations for it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { localLauncher } from '../../local/engine/local-launcher.ts';
import { TransientError } from '../../pipeline/contract/errors.ts';
import { documents, readDocument, readExisting } from '../../pipeline/documents.ts';
import { fsBlobs } from '../../pipeline/storage/folder-blobs.ts';
import { temporaryFolder } from '../support/folder.ts';
import { greyImage } from '../support/grey-image.ts';
import { requestFor, runPipeline } from '../support/pipeline-run.ts';
import { pipelineWorkers } from '../support/pipeline-workers.ts';
import { detectionOf, scriptedVision } from '../support/scripted-vision.ts';

const throttled = () => new TransientError('The model test:eyes is throttled. Try again later.', { throttled: true });

test('one tile waits for all, the tiles behind it continue two by two, and every tile is analyzed', {
  timeout: 60_000,
}, async () => {
  let refusals = 4; // as many tiles as run at once
  const vision = scriptedVision({
    detect() {
      if (refusals-- > 0) throw throttled();
      return [detectionOf('cup', [20, 20, 40, 40])];
    },
  });
  const { progress, document, operations } = await runPipeline(await greyImage(), vision);
  const total = document?.tiles.total ?? 0;
  expect(progress).toMatchObject({ status: 'SUCCEEDED', tiles: { done: total } });
  expect(vision.detectCalls).toBe(total + 4);
  expect(operations.filter(({ Type }) => Type === 'WAIT')).toHaveLength(1);
  const steps = operations.flatMap(({ Name = '' }) => (Name.startsWith('tile-') ? [Name] : []));
  expect(steps).toHaveLength(total + 4 + 1);
  expect(progress.notes.filter((note) => note.startsWith('Waiting'))).toEqual([]);
});

test('a map that is replayed tile by tile has the same results, and no model is called again', { timeout: 60_000 }, async () => {
  let refusals = 4;
  let summaries = 0;
  const vision = scriptedVision({
    detect() {
      if (refusals-- > 0) throw throttled();
      return Array.from({ length: 60 }, (_, n) => detectionOf(`cup ${n}`, [n, 20, 40, 40], { description: 'cup '.repeat(50) }));
    },
    summarize() {
      if (summaries++ === 0) throw new TransientError('The model is busy.'); // the invocation ends, and the next one replays
      return 'Cups.';
    },
  });
  const { progress, document, operations } = await runPipeline(await greyImage(), vision);
  const map = operations.find(({ Name }) => Name === 'detect');
  expect(map?.ContextDetails?.ReplayChildren).toBe(true); // its result is too large for a checkpoint
  expect(progress).toMatchObject({ status: 'SUCCEEDED', tiles: { done: document?.tiles.total } });
  expect(vision.detectCalls).toBe((document?.tiles.total ?? 0) + 4);
});

/** `called`: both are in the calls that are throttled. `waiting`: both wait. */
const MOMENTS = ['called', 'waiting'] as const;

test.each(MOMENTS)(
  'two executions that are throttled for good hold no worker: a third one begins within 2 s while both are %s',
  {
    timeout: 120_000,
  },
  async (moment) => {
    const folder = await temporaryFolder();
    const engine = pipelineWorkers(folder, { workersMax: 2 });
    const launcher = localLauncher(engine);
    const image = await greyImage();
    const blobs = fsBlobs(join(folder, 'blobs'));
    const start = async (name: string, act: string) =>
      await launcher.start({ ...requestFor(image), execution_id: name, ask: { look_for: `${act}-${name}`, labels: [] } });
    const ends: string[] = [];
    const followed = (name: string) => engine.ended(name).then(() => ends.push(name));
    const waitingNotes = async (name: string) =>
      ((await readDocument(documents.progress(name), blobs))?.notes ?? []).filter((note) => note.startsWith('Waiting'));
    const isReached = async (name: string) =>
      moment === 'called' ? existsSync(join(folder, `${name}.called`)) : (await waitingNotes(name)).length > 0;

    for (const name of ['first', 'second']) {
      await start(name, 'throttled');
      void followed(name);
    }
    while (!(await isReached('first')) || !(await isReached('second'))) await sleep(10);
    const startedMs = Date.now();
    await start('third', 'finds');
    await followed('third');
    const events = (await launcher.history('third', {}))?.events ?? [];
    const begunMs = events.find(({ type }) => type === 'StepStarted')?.at.getTime() ?? Number.NaN;
    expect(begunMs - startedMs).toBeLessThan(2_000);
    expect(ends).toEqual(['third']);
    const { status, tiles } = await readExisting(documents.progress('third'), blobs);
    expect({ status, tiles }).toMatchObject({ status: 'SUCCEEDED', tiles: { done: tiles.total, failed: 0 } });
    expect(events.filter(({ type }) => type === 'InvocationCompleted')).toHaveLength(1);
    for (const name of ['first', 'second']) {
      while ((await waitingNotes(name)).length === 0) await sleep(10);
      expect(await waitingNotes(name)).toEqual([
        "Waiting for the model's quota; the analysis continues by itself. The model is throttled.",
      ]);
      expect(await readExisting(documents.progress(name), blobs)).toMatchObject({
        status: 'RUNNING',
        phase: 'detect',
        tiles: { done: 0, failed: 0 },
      });
    }
  },
);
