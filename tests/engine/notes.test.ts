// Notes and figures of an analysis, on the real pipeline and engine: they reach each reader of the progress, and not only at the end.
import { setTimeout as sleep } from 'node:timers/promises';
import type { DurableContext } from '@aws/durable-execution-sdk-js';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import type { Finding, Progress } from '../../pipeline/contract/schemas.ts';
import { NO_USAGE } from '../../pipeline/contract/usage.ts';
import { documents, readDocument } from '../../pipeline/documents.ts';
import { planTiles } from '../../pipeline/planning/plan.ts';
import { progressReader } from '../../pipeline/progress/progress-reader.ts';
import { reportProgress } from '../../pipeline/progress/progress-writer.ts';
import { verdictsOn } from '../../pipeline/verdicts.ts';
import { temporaryFolder } from '../support/folder.ts';
import { pipelineStage, requestFor } from '../support/pipeline-run.ts';
import { detectionOf, scriptedVision } from '../support/scripted-vision.ts';

const UNKNOWN_LABEL =
  'onnx:nanodet knows 80 labels, listed at tilesight://labels; "astronaut" is not one of them, so it reports nothing.';
const LOCAL = { moderation: 'onnx:nsfw', detection: ['onnx:nanodet'], verification: null, synthesis: 'rules:summary' };
const UNPRICED = 'openai:qwen3-vl';
const TILE_NOTE = 'The model read the request in its own way.';

async function noise(): Promise<string> {
  const path = `${await temporaryFolder()}/noise.png`;
  const drawn = { type: 'gaussian', mean: 128, sigma: 30 } as const;
  await sharp({ create: { width: 900, height: 700, channels: 3, background: '#777', noise: drawn } }).toFile(path);
  return path;
}

const launcher = { describe: async () => null };

describe.each([
  ['one execution', null],
  ['shards', 4],
] as const)('an analysis in %s', (_, shardTilesMax) => {
  const limited = (deps: Awaited<ReturnType<typeof pipelineStage>>['deps']) =>
    shardTilesMax === null ? deps : { ...deps, limits: { ...deps.limits, shardTilesMax } };

  test('has its notes while it runs: of the request before the first tile, of a tile once that is analyzed', async () => {
    const stage = await pipelineStage();
    const { blobs, clock } = stage.deps;
    const reader = progressReader({ blobs, clock, launcher });
    const seen: (Progress | null)[] = [];
    const vision = scriptedVision({
      async detect(_tile, call) {
        if (call > 1 && seen.at(-1)?.notes.includes(TILE_NOTE)) return [];
        await sleep(40);
        seen.push(await reader.stored('run-1'));
        return [];
      },
    });
    const { detect } = vision;
    vision.detect = async (...args) => ({ ...(await detect.apply(vision, args)), notes: [TILE_NOTE] });
    const ask = { look_for: null, labels: ['astronaut'] };
    const request = { ...requestFor(await noise()), ask, models: LOCAL };
    const { progress, document } = await stage.run(request, vision, limited);
    expect(seen[0]).toMatchObject({ status: 'RUNNING', notes: expect.arrayContaining([UNKNOWN_LABEL]) });
    expect(seen.at(-1)).toMatchObject({ status: 'RUNNING', notes: expect.arrayContaining([UNKNOWN_LABEL, TILE_NOTE]) });
    expect(document?.notes).toEqual(expect.arrayContaining([UNKNOWN_LABEL, TILE_NOTE]));
    expect(new Set(document?.notes).size).toBe(document?.notes.length);
    expect(progress.notes).toEqual(document?.notes);
  });
});

test('a setting that the moderation model refuses is noted', async () => {
  const note = `${UNPRICED} refuses a temperature of 0; its answers may differ from run to run.`;
  const stage = await pipelineStage();
  const vision = scriptedVision({ moderate: () => ({ allowed: true, usage: NO_USAGE, notes: [note] }) });
  const { progress, document } = await stage.run({ ...requestFor(await noise()), models: LOCAL }, vision);
  expect(document?.notes.filter((one) => one === note)).toHaveLength(1);
  expect(progress.notes).toContain(note);
});

test('a setting that the verification model and the judge refuse is noted once for each of them', async () => {
  const refusal = (model: string) => `${model} refuses a temperature of 0; its answers may differ from run to run.`;
  const detectors = ['test:first', 'test:second'];
  const stage = await pipelineStage();
  const vision = scriptedVision({
    verify: () => ({ verdict: 'confirmed', usage: NO_USAGE, notes: [refusal('test:verifier')] }),
  });
  vision.detect = async (model) => ({
    detections: [
      detectionOf('cup', [60, 60, 40, 40], { severity: 'high' }),
      ...(model === 'test:first' ? [detectionOf('cat', [120, 120, 40, 40])] : []),
    ],
    usage: NO_USAGE,
    clipped: 0,
    notes: [],
  });
  vision.judge = async (_model, _crop, { claims }) => ({
    verdicts: claims.map(() => ({ verdict: 'confirmed' })),
    usage: NO_USAGE,
    notes: [refusal('test:judge')],
  });
  const models = { ...LOCAL, detection: detectors, verification: 'test:verifier', judge: 'test:judge' };
  const { progress, document } = await stage.run({ ...requestFor(await noise()), models, verify: true }, vision);
  for (const model of ['test:verifier', 'test:judge']) {
    expect(document?.notes.filter((note) => note === refusal(model))).toHaveLength(1);
    expect(progress.notes).toContain(refusal(model));
  }
});

test('results of verifications that an earlier version stored have no notes, and count', async () => {
  const stored = [{ index: 0, result: { verdict: { verdict: 'confirmed' }, usage: NO_USAGE } }];
  const context = { map: async () => ({ succeeded: () => stored }) } as unknown as DurableContext;
  const { deps } = await pipelineStage();
  const request = { ...requestFor(await noise()), models: LOCAL };
  const plan = planTiles({ width: 900, height: 700 }, request.plan, { edgePx: 1_024, overlapPx: 64 });
  const doubtful = [{ ...detectionOf('cup', [10, 10, 40, 40]), id: 'f1' }] as unknown as Finding[];
  const run = { request, context, progress: reportProgress(request, deps), deps };
  const { verdicts, notes } = await verdictsOn(run, plan, { findings: 1, stopped: null, doubtful });
  expect([...verdicts]).toEqual([['f1', { verdict: 'confirmed' }]]);
  expect(notes).toEqual([]);
});

test('detections without a label or a box are counted over all tiles', async () => {
  const stage = await pipelineStage();
  const vision = scriptedVision();
  const { detect } = vision;
  vision.detect = async (...args) => ({ ...(await detect.apply(vision, args)), unreadable: 2 });
  const { progress, document } = await stage.run({ ...requestFor(await noise()), models: LOCAL }, vision);
  expect(progress.tiles.done).toBeGreaterThan(1);
  expect(document?.notes).toContain(`${2 * progress.tiles.done} detections had no label or no box. They were left out.`);
});

test('a further call about a tile is allowed as long as the budget is not spent by those before it', async () => {
  const stage = await pipelineStage();
  const vision = scriptedVision();
  const { detect } = vision;
  const allowed: (boolean | undefined)[][] = [];
  const costing = (cost_usd: number | null) => ({ ...NO_USAGE, cost_usd });
  vision.detect = async (...args) => {
    allowed.push([0.009, 0.01, null].map((usd) => args[3]?.(costing(usd))));
    return { ...(await detect.apply(vision, args)), usage: costing(0) };
  };
  await stage.run({ ...requestFor(await noise()), models: LOCAL, max_cost_usd: 0.01 }, vision);
  expect(allowed.length).toBeGreaterThan(1);
  expect(new Set(allowed.flat().map(String))).toEqual(new Set(['true', 'false']));
  expect(allowed[0]).toEqual([true, false, true]);
});

describe('a model without a known price', () => {
  const models = { ...LOCAL, detection: [UNPRICED] };
  const unpriced = () => {
    const vision = scriptedVision();
    const { detect } = vision;
    vision.detect = async (...args) => {
      const answer = await detect.apply(vision, args);
      return { ...answer, usage: { ...answer.usage, cost_usd: null } };
    };
    return vision;
  };

  test('makes the cost of the analysis unknown, in progress and findings, and its tokens are counted', async () => {
    const stage = await pipelineStage();
    const { progress, document } = await stage.run({ ...requestFor(await noise()), models }, unpriced());
    const tokens = { input_tokens: 10 * progress.tiles.done, output_tokens: progress.tiles.done };
    expect(progress.usage).toEqual({ ...tokens, cost_usd: null });
    expect(document?.usage).toEqual(progress.usage);
    expect(document?.notes).toContain(`The price of ${UNPRICED} is unknown: its tokens are counted, but not their cost.`);
    const report = await stage.deps.blobs.get('executions/run-1/report.html');
    expect(Buffer.from(report ?? []).toString()).toMatch(/<dt>cost<\/dt><dd>unknown<\/dd>/i);
  });

  test('cannot be held to a budget, and a note says so', async () => {
    const stage = await pipelineStage();
    const request = { ...requestFor(await noise()), models, max_cost_usd: 0.01 };
    const { progress } = await stage.run(request, unpriced());
    expect(progress).toMatchObject({ status: 'SUCCEEDED', tiles: { not_analyzed: 0 } });
    expect(progress.notes).toContain(`max_cost_usd (0.01) cannot be enforced: it does not count the cost of ${UNPRICED}.`);
  });
});

test('a note on a file that could not be written is in the progress too', async () => {
  const stage = await pipelineStage();
  const broken = (deps: typeof stage.deps) => ({
    ...deps,
    blobs: {
      ...deps.blobs,
      put: async (key: string, bytes: Uint8Array) => {
        if (key.endsWith('report.html')) throw new Error('No space left.');
        await deps.blobs.put(key, bytes);
      },
    },
  });
  const { progress } = await stage.run(requestFor(await noise()), scriptedVision(), broken);
  const document = await readDocument(documents.findings('run-1'), stage.deps.blobs);
  expect(document?.notes.join(' ')).toContain('report.html');
  expect(progress.notes).toEqual(document?.notes);
});

test('an oriented box at nearly -180 degrees is a finding', async () => {
  const stage = await pipelineStage();
  const polygon: [number, number][] = [
    [90, 60],
    [10, 60],
    [10, 10],
    [90, 10],
  ];
  const ship = detectionOf('ship', [10, 10, 80, 50], { polygon, angle: -179.98 });
  const vision = scriptedVision({ detect: () => [ship] });
  const { progress, document } = await stage.run(requestFor(await noise()), vision);
  expect(progress.status).toBe('SUCCEEDED');
  expect(document?.findings[0]).toMatchObject({ label: 'ship', angle: 180 });
});

test('a request for text alone is cut into the tiles of the model that reads', async () => {
  const tilesOf = async (detection: string[], labels: string[]) => {
    const stage = await pipelineStage();
    const request = requestFor(await noise(), { tile_size: null, overlap: null, detail: 'fine' });
    const models = { ...LOCAL, detection };
    const { progress } = await stage.run({ ...request, ask: { look_for: null, labels }, models }, scriptedVision());
    return progress.tiles.total;
  };
  const both = ['onnx:nanodet', 'onnx:ppocr'];
  const alone = await tilesOf(['onnx:ppocr'], []);
  expect(await tilesOf(both, ['text'])).toBe(alone);
  expect(await tilesOf(both, ['text', 'cat'])).toBeGreaterThan(alone);
});
