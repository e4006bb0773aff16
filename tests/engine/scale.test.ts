// Large plans run as shards: the same findings, every tile accounted for, cancelled and resumed.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { AnswerError, UserError } from '../../pipeline/contract/errors.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import { SHARD_TILES_MAX } from '../../pipeline/contract/protocol.ts';
import type { PipelineDeps } from '../../pipeline/ports.ts';
import { temporaryFolder } from '../support/folder.ts';
import { greyNoise } from '../support/grey-image.ts';
import { type PipelineRun, pipelineStage, requestFor } from '../support/pipeline-run.ts';
import { detectionOf, scriptedVision } from '../support/scripted-vision.ts';

const OPERATIONS_MAX = 3_000;
const CONCURRENCY = 4; // of tests/support/pipeline-run.ts
const SHARDS_AT_ONCE = 2;
const plan = { detail: 'max', tile_size: 128, overlap: 32 } as const;

/** 128 px tiles of it make two shards. */
let image: Buffer;
beforeAll(async () => {
  image = await greyNoise(2_700, 2_500);
});

async function noiseImage(): Promise<string> {
  const path = join(await temporaryFolder(), 'noise.jpg');
  await writeFile(path, image);
  return path;
}

const doneIn = ({ document }: PipelineRun) => (document?.tiles.done ?? 0) + (document?.tiles.blank ?? 0);

test('a plan of two shards is analyzed completely, in executions of at most 3,000 operations', async () => {
  const stage = await pipelineStage();
  const vision = scriptedVision({ detect: (_, call) => (call % 100 === 0 ? [detectionOf('cat', [10, 10, 50, 50])] : []) });
  const run = await stage.run(requestFor(await noiseImage(), plan), vision);
  expect(run.progress).toMatchObject({ status: 'SUCCEEDED', running_shards: [] });
  const total = run.document?.tiles.total ?? 0;
  expect(total).toBeGreaterThan(SHARD_TILES_MAX);
  expect(vision.detectCalls).toBe(total);
  expect(run.document?.usage.input_tokens).toBe(10 * total);
  expect(run.document?.findings.length).toBeGreaterThan(3);
  const tilesByExecution = [...Map.groupBy(stage.operations(), ({ arn }) => arn).values()].map(
    (operations) => operations.filter(({ Name }) => Name?.startsWith('tile-')).length,
  );
  expect(tilesByExecution.filter((tiles) => tiles > 0)).toHaveLength(2);
  expect(Math.max(...stage.operationCounts())).toBeLessThanOrEqual(OPERATIONS_MAX);
});

test('missing access ends it at once, in every shard', async () => {
  const stage = await pipelineStage();
  const refusal = 'Expected access to the model, got none. Ask for it.';
  const vision = scriptedVision({ detect: () => Promise.reject(new UserError(refusal)) });
  const run = await stage.run(requestFor(await noiseImage(), plan), vision);
  expect(run.progress).toMatchObject({ status: 'FAILED', reason: refusal });
  expect(vision.detectCalls).toBeLessThanOrEqual(CONCURRENCY * SHARDS_AT_ONCE);
});

test('a retry analyzes the failed tiles, and only those; the findings are those of an undisturbed execution', async () => {
  const path = await noiseImage();
  const detections = () => [detectionOf('cat', [10, 10, 50, 50])];
  const calm = await (await pipelineStage()).run(requestFor(path, plan), scriptedVision({ detect: detections }));

  const stage = await pipelineStage();
  const broken = scriptedVision({
    detect(_, call) {
      if (call % 20 === 0) throw new AnswerError('Expected detections, got a refusal.');
      return detections();
    },
  });
  const first = await stage.run(requestFor(path, plan), broken);
  const failed = first.document?.tiles.failed.length ?? 0;
  expect(first.progress.status).toBe('PARTIAL');
  expect(failed).toBe(Math.ceil(broken.detectCalls / 20));

  const mended = scriptedVision({ detect: detections });
  const again = { ...requestFor(path, plan), execution_id: 'run-2', retry_of: { execution_id: 'run-1', pyramid_of: 'run-1' } };
  const second = await stage.run(again, mended);
  expect(mended.detectCalls).toBe(failed);
  expect(second.progress.status).toBe('SUCCEEDED');
  expect(second.document?.findings).toEqual(calm.document?.findings);
  expect(second.document?.tiles).toMatchObject({ total: first.document?.tiles.total, failed: [] });
});

test('a retry of a retry analyzes the tiles that both left', async () => {
  const path = await noiseImage();
  const stage = await pipelineStage();
  const failingFrom = (first: number) =>
    scriptedVision({
      detect(_, call) {
        if (call >= first) throw new AnswerError('Expected detections, got a refusal.');
        return [];
      },
    });
  const small = { ...plan, detail: 'standard' } as const;
  await stage.run(requestFor(path, small), failingFrom(60));
  const retry = (id: string, of: string) => ({
    ...requestFor(path, small),
    execution_id: id,
    retry_of: { execution_id: of, pyramid_of: 'run-1' },
  });
  const second = await stage.run(retry('run-2', 'run-1'), failingFrom(10));
  const last = scriptedVision();
  const third = await stage.run(retry('run-3', 'run-2'), last);
  expect(last.detectCalls).toBe(second.document?.tiles.failed.length);
  expect(third.document?.tiles).toMatchObject({ failed: [] });
  expect(doneIn(third)).toBe(third.document?.tiles.total);
});

describe('an analysis that is cancelled', () => {
  test.each<[string, object]>([
    ['in one execution', { detail: 'standard', tile_size: 128, overlap: 32 }],
    ['in two shards', plan],
  ])('%s stops, keeps its findings, and can be resumed', async (_, wishes) => {
    const path = await noiseImage();
    const stage = await pipelineStage();
    const cancelAt = 60;
    const vision = scriptedVision({
      async detect(_tile, call) {
        if (call === cancelAt) await stage.deps.blobs.put(keys.cancel('run-1'), Buffer.from('{}'));
        await new Promise((resolve) => setTimeout(resolve, 5));
        return [detectionOf('cat', [10, 10, 50, 50])];
      },
    });
    const run = await stage.run(requestFor(path, wishes), vision);
    expect(run.progress.status).toBe('CANCELLED');
    expect(run.progress.reason).toMatch(/^The analysis was cancelled after \d+ of \d+ tiles\. Their findings are kept\.$/);
    const total = run.document?.tiles.total ?? 0;
    expect(vision.detectCalls).toBeLessThan(total / 2);
    expect(run.document?.findings.length).toBeGreaterThan(10);
    expect(run.document?.tiles.failed).toEqual([]);
    expect(doneIn(run) + (run.document?.tiles.not_analyzed.length ?? 0)).toBe(total);
    expect(run.progress.tiles).toMatchObject({ failed: 0, not_analyzed: total - doneIn(run) });
    expect(run.progress.failed_tiles).toEqual([]);

    const rest = scriptedVision({ detect: () => [detectionOf('cat', [10, 10, 50, 50])] });
    const again = {
      ...requestFor(path, wishes),
      execution_id: 'run-2',
      retry_of: { execution_id: 'run-1', pyramid_of: 'run-1' },
    };
    const second = await stage.run(again, rest);
    expect(second.progress.status).toBe('SUCCEEDED');
    expect(second.document?.tiles.not_analyzed).toEqual([]);
    expect(rest.detectCalls).toBe(total - doneIn(run));
  });
});

describe('a budget', () => {
  test.each<[string, object, number]>([
    ['in one execution', { detail: 'standard', tile_size: 128, overlap: 32 }, 1],
    ['in two shards', plan, SHARDS_AT_ONCE],
  ])('%s stops within one batch of it', async (_, wishes, shards) => {
    const path = await noiseImage();
    const stage = await pipelineStage();
    const priced = { ...scriptedVision(), detectCalls: 0 };
    const cost = 0.01;
    priced.detect = async () => {
      priced.detectCalls++;
      return { detections: [], usage: { input_tokens: 1, output_tokens: 1, cost_usd: cost }, clipped: 0, notes: [] };
    };
    const run = await stage.run({ ...requestFor(path, wishes), max_cost_usd: 0.4 }, priced);
    expect(run.progress.status).toBe('PARTIAL');
    expect(run.progress.reason).toMatch(
      /^The budget of the request was spent after \d+ of \d+ tiles\. Call retry_failed_tiles to analyze the rest\.$/,
    );
    expect(priced.detectCalls).toBeGreaterThanOrEqual(40 - shards);
    expect(priced.detectCalls).toBeLessThanOrEqual(40 + CONCURRENCY * shards);
    expect(run.progress.tiles).toMatchObject({ failed: 0, not_analyzed: run.document?.tiles.not_analyzed.length });
  });
});

test('a lost shard is reported as failed tiles, and the remaining shards are kept', async () => {
  const stage = await pipelineStage();
  const losing = (deps: PipelineDeps): PipelineDeps => ({
    ...deps,
    blobs: {
      ...deps.blobs,
      put: (key, bytes) =>
        key.endsWith('looks/1.json') ? Promise.reject(new Error('The disk is gone.')) : deps.blobs.put(key, bytes),
    },
  });
  const run = await stage.run(requestFor(await noiseImage(), plan), scriptedVision(), losing);
  expect(run.progress.status).toBe('PARTIAL');
  const failed = run.document?.tiles.failed ?? [];
  expect(failed.length).toBeGreaterThan(100);
  expect(new Set(failed.map(({ reason }) => reason))).toEqual(new Set(['The shard with this tile was lost.']));
  expect(doneIn(run) + failed.length).toBe(run.document?.tiles.total);
});
