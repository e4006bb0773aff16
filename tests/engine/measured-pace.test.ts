// How long a language model takes for a tile is measured in every analysis, and stored for the estimates of later ones.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { AnalysisRequest } from '../../pipeline/contract/schemas.ts';
import { documents, readDocument } from '../../pipeline/documents.ts';
import { greyImage } from '../support/grey-image.ts';
import { pipelineStage, requestFor } from '../support/pipeline-run.ts';
import { scriptedVision } from '../support/scripted-vision.ts';

const SLOW = 'openai:slow';
const CALL_MS = 120;
const SLOW_MODELS: AnalysisRequest['models'] = {
  moderation: null,
  detection: [SLOW, 'onnx:nanodet'],
  verification: null,
  synthesis: 'rules:summary',
};

const slowVision = () =>
  scriptedVision({
    async detect() {
      await sleep(CALL_MS);
      return [];
    },
  });
const requested = async (tile_size: number) => ({ ...requestFor(await greyImage(), { tile_size }), models: SLOW_MODELS });

test.each([
  ['one execution', null],
  ['shards', 10],
])('an analysis in %s stores the pace of language models, and none of local models', async (_, shardTilesMax) => {
  const stage = await pipelineStage();
  const sharded = (deps: typeof stage.deps) =>
    shardTilesMax === null ? deps : { ...deps, limits: { ...deps.limits, shardTilesMax } };
  const { progress } = await stage.run(await requested(256), slowVision(), sharded);
  expect(progress.status).toBe('SUCCEEDED');
  const pace = await readDocument(documents.pace(SLOW), stage.deps.blobs);
  expect(pace?.calls).toBeGreaterThanOrEqual(8);
  expect(pace?.calls).toBeLessThanOrEqual(progress.tiles.done);
  expect(pace?.seconds_per_tile).toBeGreaterThanOrEqual((CALL_MS - 5) / 1_000);
  expect(pace?.seconds_per_tile).toBeLessThan((CALL_MS * 20) / 1_000);
  expect(await readDocument(documents.pace('onnx:nanodet'), stage.deps.blobs)).toBeNull();
});

test('a few tiles are no measure', async () => {
  const stage = await pipelineStage();
  const { progress } = await stage.run(await requested(768), slowVision());
  expect(progress.tiles.done).toBeLessThan(8);
  expect(await readDocument(documents.pace(SLOW), stage.deps.blobs)).toBeNull();
});

test('an analysis does not depend on it', async () => {
  const stage = await pipelineStage();
  const full = (deps: typeof stage.deps) => ({
    ...deps,
    blobs: {
      ...deps.blobs,
      put: async (key: string, bytes: Uint8Array) => {
        if (key === documents.pace(SLOW).key) throw new Error('No space left.');
        await deps.blobs.put(key, bytes);
      },
    },
  });
  const { progress } = await stage.run(await requested(256), slowVision(), full);
  expect(progress).toMatchObject({ status: 'SUCCEEDED', tiles: { failed: 0 } });
});
