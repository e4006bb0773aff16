// Real worker processes that are frozen (SIGSTOP) at every suspension and thawed (SIGCONT) at random, as on Lambda. What is stored in
// the end must be the same as with workers that never are.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { localLauncher } from '../../local/engine/local-launcher.ts';
import type { Freezing } from '../../local/workers/freezing.ts';
import { at } from '../../pipeline/contract/at.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import { documents, readDocument, readExisting } from '../../pipeline/documents.ts';
import { stepDocuments } from '../../pipeline/step-documents.ts';
import { fsBlobs } from '../../pipeline/storage/folder-blobs.ts';
import { temporaryFolder } from '../support/folder.ts';
import { greyNoise } from '../support/grey-image.ts';
import { requestFor } from '../support/pipeline-run.ts';
import { pipelineWorkers } from '../support/pipeline-workers.ts';
import { type Random, seededRandom } from '../support/seeded-random.ts';

const SEEDS = 100;
/** Fewer than the workers: a frozen one stays so until it is thawed, perhaps after the end of its execution. */
const AT_ONCE = 4;
const WORKERS_MAX = 8;
const THAWED_WITHIN_MS = 3_000;
const PROGRESS_EVERY_MS = 40;
const KINDS = ['finds', 'waits', 'cancels'] as const;
const SHARDING = { sharded: { shardTilesMax: 1, shardConcurrency: 2 }, 'in one shard': {} };

async function stage(limits: object, freezing: Freezing | null) {
  const folder = await temporaryFolder();
  const path = join(folder, 'noise.jpg');
  await writeFile(path, await greyNoise(200, 128));
  const engine = pipelineWorkers(folder, {
    workersMax: WORKERS_MAX,
    limits: { tileConcurrency: 2, progressEveryMs: PROGRESS_EVERY_MS, ...limits },
    freezing,
  });
  const blobs = fsBlobs(join(folder, 'blobs'));
  return {
    async run(kind: (typeof KINDS)[number], name: string): Promise<void> {
      const request = requestFor(path, { detail: 'max', tile_size: 128, overlap: 32 });
      const ask = { look_for: `${kind}-${name}`, labels: [] };
      await localLauncher(engine).start({ ...request, execution_id: name, ask });
      await engine.ended(name);
    },
    /** What an execution leaves behind, without its times, its name and the file. */
    async stateOf(name: string) {
      const { started_at, updated_at, ...progress } = await readExisting(documents.progress(name), blobs);
      const tileKeys = await blobs.list(keys.tileStatesFolder(name), { limit: 100 });
      const tileStates = await Promise.all(tileKeys.map((key) => readExisting(stepDocuments.tileStates(key), blobs)));
      const findings = await readDocument(documents.findings(name), blobs);
      const state = JSON.stringify({ progress, tileStates, findings })
        .replaceAll(name, 'NAME')
        .replaceAll(folder, 'FOLDER')
        .replaceAll(findings?.image.version ?? 'none', 'VERSION');
      return { engine: engine.describe(name)?.status, progress, findings, state: JSON.parse(state) };
    },
  };
}

test.each(Object.entries(SHARDING))(
  'executions %s end in the same state whether their processes are frozen at every suspension or not',
  { timeout: 300_000 },
  async (_, limits) => {
    const warm = await stage(limits, null);
    await Promise.all(KINDS.map((kind) => warm.run(kind, `plain-${kind}`)));
    await sleep(4 * PROGRESS_EVERY_MS);
    const plain = await Promise.all(KINDS.map((kind) => warm.stateOf(`plain-${kind}`)));
    const random: Random = seededRandom(7);
    let freezes = 0;
    const thawAfterMs = () => {
      freezes++;
      return random.between(0, THAWED_WITHIN_MS);
    };
    const cold = await stage(limits, { thawAfterMs });
    const seeds = Array.from({ length: SEEDS / 2 }, (_, seed) => seed);
    const pending = [...seeds];
    const runPending = async () => {
      for (let seed = pending.shift(); seed !== undefined; seed = pending.shift())
        await cold.run(at(KINDS, seed % KINDS.length), `seed-${seed}`);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, runPending));
    await sleep(THAWED_WITHIN_MS + 4 * PROGRESS_EVERY_MS); // what an invocation left armed has run by then
    expect(freezes).toBeGreaterThanOrEqual(seeds.length); // at least once for each execution: when it ends
    for (const seed of seeds) {
      const place = seed % KINDS.length;
      const frozen = await cold.stateOf(`seed-${seed}`);
      const told = { seed, kind: at(KINDS, place), engine: frozen.engine };
      if (told.kind !== 'cancels') {
        expect({ ...told, state: frozen.state }).toEqual({ ...told, engine: 'SUCCEEDED', state: at(plain, place).state });
        continue;
      }
      // Which tiles it reaches depends on when it notices; what it stores must agree.
      const { progress, findings } = frozen;
      expect({ ...told, ...progress }).toMatchObject({
        engine: 'SUCCEEDED',
        phase: 'done',
        status: findings?.status,
        running_shards: [],
        tiles: { done: findings?.tiles.done, failed: findings?.tiles.failed.length },
      });
    }
  },
);
