// An execution that is stopped from outside, reaches its time limit or fails has paid for tiles: they are listed, and a retry analyzes
// only the rest.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { openEngine } from '../../local/engine/engine.ts';
import { localLauncher } from '../../local/engine/local-launcher.ts';
import type { ToolDeps } from '../../mcp-server/access/deps.ts';
import { hasTileResults } from '../../mcp-server/executions/status.ts';
import { getExecution } from '../../mcp-server/tools/get-execution.ts';
import { listFindings } from '../../mcp-server/tools/list-findings.ts';
import { retryFailedTiles } from '../../mcp-server/tools/retry-failed-tiles.ts';
import { viewRegion } from '../../mcp-server/tools/view-region.ts';
import { UserError } from '../../pipeline/contract/errors.ts';
import { readDocument } from '../../pipeline/documents.ts';
import { durablePipeline } from '../../pipeline/durable-pipeline.ts';
import type { PipelineDeps } from '../../pipeline/ports.ts';
import { progressReader } from '../../pipeline/progress/progress-reader.ts';
import { stepDocuments } from '../../pipeline/step-documents.ts';
import { storeSoFar } from '../../pipeline/steps/store-tile-results.ts';
import { fsRemoval } from '../../pipeline/storage/folder-removal.ts';
import { temporaryFolder } from '../support/folder.ts';
import { greyNoise } from '../support/grey-image.ts';
import { pipelineDeps, requestFor } from '../support/pipeline-run.ts';
import { detectionOf, scriptedVision } from '../support/scripted-vision.ts';

const EXECUTION = requestFor('').execution_id;
const TILES_BEFORE_THE_STOP = 5;
const SHARDED = { shardTilesMax: 4, shardConcurrency: 1 };

let image: Buffer;
beforeAll(async () => {
  image = await greyNoise(600, 500);
});

type Stop = 'stopped' | 'timed out' | 'failed';

/** An execution whose sixth tile never ends, or fails the whole execution, until `goOn`. */
async function stage(stop: Stop | null, limits: Partial<PipelineDeps['limits']>) {
  const folder = await temporaryFolder();
  const path = join(folder, 'noise.jpg');
  await writeFile(path, image);
  const reached = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  let [calls, hasStopped] = [0, false];
  const vision = scriptedVision({
    async detect() {
      const neverEnds = ++calls > TILES_BEFORE_THE_STOP && (stop === 'stopped' || stop === 'timed out') && !hasStopped;
      if (neverEnds) {
        reached.resolve();
        await goOn.promise;
      }
      return [detectionOf('cup', [20, 20, 40, 40])];
    },
  });
  const common = await pipelineDeps(folder, vision);
  const deps = { ...common, limits: { ...common.limits, tileConcurrency: 1, ...limits } };
  // A failure that is none of a tile: what the shard has found cannot be stored.
  const failing = { ...deps.blobs };
  failing.put = async (key, bytes) => {
    if (stop === 'failed' && !hasStopped && key.includes('/looks/')) throw new UserError('The disk is full.');
    await deps.blobs.put(key, bytes);
  };
  const clock = { aheadMs: 0, now: () => new Date(Date.now() + clock.aheadMs) };
  const engine = openEngine({
    file: join(folder, 'engine.db'),
    clock,
    log: deps.log,
    executionTimeoutMs: 3_600_000,
    afterDelay: (ms, work) => {
      const timer = setTimeout(work, Math.min(ms, 20)); // so that the engine reads a clock that jumps
      return () => clearTimeout(timer);
    },
    invoke: async (event, client, timeoutMs) => {
      const context = { awsRequestId: 'test', getRemainingTimeInMillis: () => timeoutMs };
      const handler = durablePipeline({ ...deps, blobs: failing }, { durableExecutionClient: client });
      return await handler(event, context as Parameters<typeof handler>[1]);
    },
  });
  engine.start();
  const launcher = localLauncher(engine);
  const { blobs } = deps;
  const tools = {
    blobs,
    removal: fsRemoval(join(folder, 'blobs')),
    launcher,
    clock,
    log: deps.log,
    caller: null,
    owner: null,
    costUsdMax: null,
    views: { moderated: false, edgePxFor: () => 1_568 },
    client: null,
    links: { forGet: async () => 'http://127.0.0.1/x', forPut: async () => ({ url: '', headers: {} }) },
    progress: progressReader({ blobs, launcher, clock }),
  } as unknown as ToolDeps;
  const request = requestFor(path, { detail: 'max', tile_size: 256, overlap: 64 });
  await launcher.start({ ...request, image: { ...request.image, uri: 'file:///noise.jpg' } });
  return {
    tools,
    engine,
    calls: () => calls,
    /** The sixth tile is under way. */
    reached: reached.promise,
    async stopAt() {
      if (stop === 'stopped' || stop === 'timed out') await reached.promise;
      if (stop === 'stopped') engine.stop(EXECUTION);
      if (stop === 'stopped') clock.aheadMs = 11_000; // its progress is no longer fresh
      const ended = engine.ended(EXECUTION);
      // In steps: a process that misses an hour was asleep.
      while (stop === 'timed out' && engine.describe(EXECUTION)?.status === 'RUNNING') {
        clock.aheadMs += 240_000;
        await sleep(40);
      }
      await ended;
      hasStopped = true;
      goOn.resolve(); // the code that still runs ends at its next checkpoint
    },
  };
}

const SCENES = [
  { stop: 'stopped', limits: {}, status: 'CANCELLED' },
  { stop: 'stopped', limits: SHARDED, status: 'CANCELLED' },
  { stop: 'timed out', limits: {}, status: 'TIMED_OUT' },
  { stop: 'timed out', limits: SHARDED, status: 'TIMED_OUT' },
  { stop: 'failed', limits: {}, status: 'FAILED' },
] as const;

test.each(SCENES)(
  'the tiles of an execution that $stop are listed and not analyzed again ($limits)',
  {
    timeout: 60_000,
  },
  async ({ stop, limits, status }) => {
    const whole = await stage(null, limits);
    await whole.stopAt();
    const undisturbed = await listFindings.run(listFindings.input.parse({ execution_id: EXECUTION }), whole.tools);
    const { tools, engine, stopAt, calls } = await stage(stop, limits);
    await stopAt();
    // A shard under way ends by itself.
    const running = {
      statuses: ['RUNNING'],
      startedAfter: 0,
      startedBefore: Number.MAX_SAFE_INTEGER,
      newestFirst: false,
    } as const;
    await expect.poll(() => engine.list({ ...running, after: null, limit: 9 })).toEqual([]);
    await expect.poll(() => hasTileResults(EXECUTION, tools.blobs)).toBe(true);
    const ended = await getExecution.run(getExecution.input.parse({ execution_id: EXECUTION }), tools);
    expect(ended.status).toBe(status);
    expect(ended.next_step).toContain(
      `retry_failed_tiles with execution_id ${EXECUTION} to continue. list_findings has the findings so far.`,
    );
    const page = await listFindings.run(listFindings.input.parse({ execution_id: EXECUTION }), tools);
    expect(page.status).toBe(status);
    expect(page.totals.findings).toBeGreaterThan(0);
    const shown = viewRegion.input.parse({ execution_id: EXECUTION, finding_id: page.findings[0]?.id, draw_boxes: true });
    expect((await viewRegion.run(shown, tools)).mimeType).toBe('image/jpeg');
    if (stop !== 'failed') {
      expect(page.totals.findings).toBeLessThan(undisturbed.totals.findings);
      expect(page.next_step).toMatch(
        new RegExp(`: \\d+ of ${whole.calls()} tiles were not analyzed. retry_failed_tiles analyzes them.$`),
      );
    }
    const retry = await retryFailedTiles.run(retryFailedTiles.input.parse({ execution_id: EXECUTION }), tools);
    await engine.ended(retry.execution_id);
    // The tile under way when it was stopped is the only one that is analyzed twice.
    expect(calls() - whole.calls()).toBeLessThanOrEqual(stop === 'failed' ? 0 : 1);
    const resumed = await listFindings.run(listFindings.input.parse({ execution_id: retry.execution_id }), tools);
    expect(resumed.status).toBe('SUCCEEDED');
    expect(resumed.findings).toEqual(undisturbed.findings);
    engine.close();
    whole.engine.close();
  },
);

test('the findings of the shards that have ended are listed while the execution runs, marked as preliminary', async () => {
  const { tools, engine, stopAt, reached } = await stage('stopped', SHARDED);
  await reached;
  const list = async (args: object = {}) =>
    await listFindings.run(listFindings.input.parse({ execution_id: EXECUTION, ...args }), tools);
  const page = await list();
  expect([page.status, page.totals.findings]).toEqual(['RUNNING', expect.toSatisfy((count) => count > 0)]);
  expect(page.notes[0]).toBe(
    'Preliminary: the analysis is running. Findings, their ids and their scores will change until it has ended.',
  );
  expect(page.next_step).toBe(`The analysis goes on: call get_execution with execution_id ${EXECUTION} and wait_seconds 20.`);
  expect((await list({ labels: ['dog'] })).totals.matching).toBe(0);
  await stopAt();
  engine.close();
});

test('the tile results of a shard are stored every 15 s, until it ends', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const { blobs, log, limits } = await pipelineDeps(await temporaryFolder(), scriptedVision());
  const results = [
    {
      tile: 3,
      outcome: { blank: true, detections: [], usage: { input_tokens: 0, output_tokens: 0, cost_usd: 0 }, clipped: 0, notes: [] },
    },
  ];
  const soFar = storeSoFar(EXECUTION, { number: 1, from: 0, to: 9 }, { results: () => results }, { blobs, log, limits });
  const stored = () => readDocument(stepDocuments.tileResults(`executions/${EXECUTION}/so-far/1.json`), blobs);
  soFar.changed();
  vi.advanceTimersByTime(14_000);
  expect(await stored()).toBeNull();
  vi.advanceTimersByTime(1_000);
  vi.useRealTimers();
  await expect.poll(stored).toEqual(results);
  await soFar.end();
  expect(await stored()).toEqual([]);
});
