// Between invocations a process is frozen, and thawed for anything else, as on Lambda: what an invocation left behind then runs on.
import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { openEngine } from '../../local/engine/engine.ts';
import { localLauncher } from '../../local/engine/local-launcher.ts';
import { at } from '../../pipeline/contract/at.ts';
import { TransientError } from '../../pipeline/contract/errors.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import { documents, readDocument, readExisting, writeDocument } from '../../pipeline/documents.ts';
import { durablePipeline } from '../../pipeline/durable-pipeline.ts';
import type { Blobs, PipelineDeps } from '../../pipeline/ports.ts';
import { progressReader } from '../../pipeline/progress/progress-reader.ts';
import { stepDocuments } from '../../pipeline/step-documents.ts';
import { temporaryFolder } from '../support/folder.ts';
import { greyNoise } from '../support/grey-image.ts';
import { pipelineDeps, requestFor } from '../support/pipeline-run.ts';
import { detectionOf, type Script, scriptedVision } from '../support/scripted-vision.ts';
import { type Random, seededRandom } from '../support/seeded-random.ts';

const SEEDS = 10;
const THAWED_WITHIN_MS = 300;
const EXECUTION = requestFor('').execution_id;
const SHARDED = { shardTilesMax: 4, shardConcurrency: 2 };

let image: Buffer;
beforeAll(async () => {
  image = await greyNoise(600, 500);
});

/** When a process that is frozen runs on: within a moment or once the execution has ended, at random, or never. */
type Thaw = 'at random' | 'never';

interface Freezer {
  /** Calls of the store after the end of the invocation that made them. */
  late: string[];
  /** Thaws what is still frozen when the execution has ended. */
  ended(): void;
  /** The store as one invocation uses it. After `freeze`, calls wait until the process is thawed. */
  storeOfInvocation(blobs: Blobs): { blobs: Blobs; freeze(): void };
}

function freezer(random: Random, thaw: Thaw = 'at random'): Freezer {
  const late: string[] = [];
  const end = Promise.withResolvers<void>();
  const thawed = async () => {
    const waitsForEnd = thaw === 'never' || random.between(0, 1) === 1;
    await (waitsForEnd ? end.promise : sleep(random.between(0, THAWED_WITHIN_MS)));
  };
  return {
    late,
    ended() {
      if (thaw !== 'never') end.resolve();
    },
    storeOfInvocation(blobs) {
      let isFrozen = false;
      const running = async <T>(name: string, key: string, call: () => Promise<T>): Promise<T> => {
        if (isFrozen) {
          late.push(`${name} ${key}`);
          await thawed();
        }
        return await call();
      };
      const fenced: Blobs = {
        ...blobs,
        head: (key) => running('head', key, () => blobs.head(key)),
        get: (key) => running('get', key, () => blobs.get(key)),
        put: (key, bytes) => running('put', key, () => blobs.put(key, bytes)),
        putNew: (key, bytes) => running('putNew', key, () => blobs.putNew(key, bytes)),
      };
      const freeze = () => {
        isFrozen = true;
      };
      return { blobs: fenced, freeze };
    },
  };
}

interface Scene {
  script: (deps: PipelineDeps) => Script;
  limits?: Partial<PipelineDeps['limits']>;
  /** Watches every `put` of the run. */
  onPut?: (key: string, deps: PipelineDeps) => Promise<void>;
  freezer: Freezer | null;
}

/** When the image was drawn: the same for every run. */
const DRAWN_S = 1_700_000_000;

/** Runs an execution to its end, every invocation with a store of its own. Returns what it leaves behind, without times. */
async function stateAfter({ script, limits = {}, onPut, freezer }: Scene) {
  const folder = await temporaryFolder();
  const path = join(folder, 'noise.jpg');
  await writeFile(path, image);
  const common = await pipelineDeps(folder, scriptedVision());
  const { blobs } = common;
  const watched: Blobs = {
    ...blobs,
    async put(key, bytes) {
      await blobs.put(key, bytes);
      await onPut?.(key, common);
    },
  };
  const deps = { ...common, vision: scriptedVision(script(common)), limits: { ...common.limits, tileConcurrency: 2, ...limits } };
  const engine = openEngine({
    file: join(folder, 'engine.db'),
    clock: deps.clock,
    log: deps.log,
    invoke: async (event, client, timeoutMs) => {
      const context = { awsRequestId: 'test', getRemainingTimeInMillis: () => timeoutMs };
      const store = freezer?.storeOfInvocation(watched) ?? { blobs: watched, freeze: () => {} };
      const handler = durablePipeline({ ...deps, blobs: store.blobs }, { durableExecutionClient: client });
      try {
        return await handler(event, context as Parameters<typeof handler>[1]);
      } finally {
        store.freeze();
      }
    },
  });
  engine.start();
  const launcher = localLauncher(engine);
  await utimes(path, DRAWN_S, DRAWN_S); // the time is part of the image's version
  const request = requestFor(path, { detail: 'max', tile_size: 256, overlap: 64 });
  await launcher.start({ ...request, image: { ...request.image, uri: 'file:///noise.jpg' } });
  await engine.ended(EXECUTION);
  freezer?.ended();
  await sleep(THAWED_WITHIN_MS + 4 * deps.limits.progressEveryMs);
  const { started_at, updated_at, ...progress } = await readExisting(documents.progress(EXECUTION), blobs);
  const tileKeys = await blobs.list(keys.tileStatesFolder(EXECUTION), { limit: 100 });
  const tileStates = await Promise.all(tileKeys.map((key) => readExisting(stepDocuments.tileStates(key), blobs)));
  const findings = await readDocument(documents.findings(EXECUTION), blobs);
  const { current } = progressReader({ blobs, launcher, clock: deps.clock });
  const read = await current(EXECUTION);
  engine.close();
  return { progress, tileStates, findings, read };
}

const finds = (): Script => ({ detect: () => [detectionOf('cup', [20, 20, 40, 40])] });
const waits = (): Script => ({
  detect(_, call) {
    if (call === 1) throw new TransientError('The model is busy.');
    return [detectionOf('cup', [20, 20, 40, 40])];
  },
});
const isCancelled = ({ blobs }: PipelineDeps): Script => ({
  async detect(_, call) {
    if (call === 2) await writeDocument(documents.cancellation(EXECUTION), { cancelled_at: new Date().toISOString() }, blobs);
    await sleep(20);
    return [];
  },
});

const KINDS = [
  { kind: 'sharded', script: finds, limits: SHARDED },
  { kind: 'waiting', script: waits, limits: {} },
  { kind: 'sharded and waiting', script: waits, limits: SHARDED },
  { kind: 'cancelled', script: isCancelled, limits: {} },
  { kind: 'sharded and cancelled', script: isCancelled, limits: SHARDED },
] as const;

test.each(KINDS)('of a run that is $kind, no invocation leaves anything armed', { timeout: 60_000 }, async (scene) => {
  const frozen = freezer(seededRandom(1));
  await stateAfter({ ...scene, limits: { ...scene.limits, progressEveryMs: 60 }, freezer: frozen });
  expect(frozen.late).toEqual([]);
});

test('the progress of a sharded run rises before its first shard ends, while its parent is frozen', {
  timeout: 60_000,
}, async () => {
  const risen: { finished: number; shardsEnded: number }[] = [];
  let shardsEnded = 0;
  const onPut = async (key: string, { blobs, clock }: PipelineDeps) => {
    if (key.includes('/looks/')) shardsEnded++;
    if (!key.includes('/progress/')) return;
    const { stored } = progressReader({ blobs, clock, launcher: { describe: async () => null } });
    const { done, failed, blank } = (await stored(EXECUTION))?.tiles ?? { done: 0, failed: 0, blank: 0 };
    risen.push({ finished: done + failed + blank, shardsEnded });
  };
  const script = (): Script => ({ detect: () => sleep(150, []) });
  // The parent suspends long before its progress is due.
  await stateAfter({
    script,
    limits: { ...SHARDED, tileConcurrency: 1, progressEveryMs: 200 },
    onPut,
    freezer: freezer(seededRandom(1), 'never'),
  });
  expect(risen.filter((row) => row.shardsEnded === 0 && row.finished > 0)).not.toEqual([]);
});

test('runs that are frozen and thawed at random end in the same stored state as runs that never are', {
  timeout: 1_000_000,
}, async () => {
  const plain = new Map<string, Awaited<ReturnType<typeof stateAfter>>>();
  for (let seed = 0; seed < SEEDS; seed++) {
    const scene = at(KINDS, seed % KINDS.length);
    const random = seededRandom(seed);
    const limits = { ...scene.limits, progressEveryMs: random.between(1, 80), tileConcurrency: random.between(1, 4) };
    const { progress, tileStates, findings, read } = await stateAfter({ ...scene, limits, freezer: freezer(random) });
    expect(read.status, `seed ${seed}`).toBe(progress.status);
    if (scene.script === isCancelled) {
      // Which tiles it reaches depends on when it notices; what it stores must agree.
      expect(progress, `seed ${seed}`).toMatchObject({ phase: 'done', status: findings?.status, running_shards: [] });
      expect(progress.tiles.failed, `seed ${seed}`).toBe(findings?.tiles.failed.length);
      continue;
    }
    const expected = plain.get(scene.kind) ?? (await stateAfter({ ...scene, freezer: null }));
    plain.set(scene.kind, expected);
    expect({ progress, tileStates, findings }, `seed ${seed}`).toEqual({
      progress: expected.progress,
      tileStates: expected.tileStates,
      findings: expected.findings,
    });
  }
});
