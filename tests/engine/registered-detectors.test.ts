// An analysis with a registered detector, on the real pipeline and engine: it keeps the plan of the version that it was started with.
import { rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import type { AnalysisRequest } from '../../pipeline/contract/schemas.ts';
import type { Jpeg } from '../../pipeline/ports.ts';
import { onnxVision } from '../../pipeline/vision/onnx/onnx-vision.ts';
import { detectorsInFolder } from '../../pipeline/vision/registered-detectors.ts';
import { temporaryFolder } from '../support/folder.ts';
import { pipelineStage, requestFor } from '../support/pipeline-run.ts';
import { registerDetector } from '../support/registered-detector.ts';
import { scriptedVision } from '../support/scripted-vision.ts';

const MODELS = { moderation: null, detection: ['onnx:colors'], verification: null, synthesis: 'rules:summary' };
const REPLACED =
  'onnx:colors was corrected or replaced after the analysis was started: some tiles were analyzed by the new version.';

async function analyzed(version: string, detectors: AnalysisRequest['detectors']) {
  const image = `${await temporaryFolder()}/noise.png`;
  const noise = { type: 'gaussian', mean: 128, sigma: 30 } as const;
  await sharp({ create: { width: 900, height: 700, channels: 3, background: '#777', noise } }).toFile(image);
  const tiles: Jpeg[] = [];
  const vision = scriptedVision({
    detect: (tile) => {
      tiles.push(tile);
      return [];
    },
  });
  const { detect } = vision;
  vision.detect = async (...args) => ({ ...(await detect.apply(vision, args)), version });
  const request: AnalysisRequest = { ...requestFor(image), models: MODELS, detectors };
  request.plan = { ...request.plan, tile_size: null, overlap: null };
  const { document } = await (await pipelineStage()).run(request, vision);
  return { tiles, notes: document?.notes ?? [] };
}

const DETECTORS = [{ model: 'onnx:colors', version: 'a', tile_edge: 256, notes: ['A note about labels.'] }];

test('its tiles have the size that the request keeps, and its notes are in the findings', async () => {
  const { tiles, notes } = await analyzed('a', DETECTORS);
  const edge = Math.max(...tiles.map(({ width }) => width));
  expect(edge).toBeGreaterThan(190);
  expect(edge).toBeLessThan(290);
  expect(notes).toContain('A note about labels.');
  expect(notes).not.toContain(REPLACED);
});

test('a detector that was replaced meanwhile has a note, once', async () => {
  const { tiles, notes } = await analyzed('b', DETECTORS);
  expect(tiles.length).toBeGreaterThan(4);
  expect(notes.filter((note) => note === REPLACED)).toHaveLength(1);
});

test('an execution of an earlier version, which keeps nothing, runs as it was planned', async () => {
  const { tiles, notes } = await analyzed('b', undefined);
  expect(Math.max(...tiles.map(({ width }) => width))).toBeGreaterThan(600);
  expect(notes).not.toContain(REPLACED);
});

/**
 * An analysis of 29 tiles on real workers, whose detector `change` treats once `tilesBefore` tiles have ended and before the next one
 * begins. `keptMs`: how long sidecars are kept.
 */
async function changedMeanwhile(change: (folder: string) => Promise<void>, keptMs: number, tilesBefore: number) {
  const home = await temporaryFolder();
  const folder = await registerDetector(home, 'colors');
  let clock = 0;
  const detectors = detectorsInFolder(home, { now: () => clock });
  const { version } = await detectors.find('onnx:colors');
  const image = `${await temporaryFolder()}/noise.png`;
  const noise = { type: 'gaussian', mean: 128, sigma: 30 } as const;
  await sharp({ create: { width: 900, height: 700, channels: 3, background: '#777', noise } }).toFile(image);
  const vision = onnxVision({ detectors });
  const { detect } = vision;
  let calls = 0;
  const before: Promise<unknown>[] = [];
  let changed: Promise<void> | null = null;
  vision.detect = async (...args) => {
    if (++calls <= tilesBefore) {
      const answer = detect.apply(vision, args);
      before.push(answer);
      return await answer;
    }
    changed ??= Promise.all(before).then(async () => {
      await change(folder);
      clock += keptMs;
    });
    await changed;
    return await detect.apply(vision, args);
  };
  const request = {
    ...requestFor(image),
    models: MODELS,
    detectors: [{ model: 'onnx:colors', version, tile_edge: 256, notes: [] }],
  };
  const { progress } = await (await pipelineStage()).run(request, vision);
  return { progress, calls, folder };
}

const KEPT_MS = 6_000; // longer than a sidecar counts without being read again

describe('a detector that, during an analysis,', () => {
  test.each([
    [
      'is removed',
      async (folder: string) => await rm(folder, { recursive: true }),
      () => 'The model onnx:colors is neither built in nor registered. No detector is registered. Add it with',
    ],
    [
      'gets a sidecar that is nonsense',
      async (folder: string) => await writeFile(join(folder, 'detector.json'), '{"version": 1, "labels": "x"'),
      () => 'The detector onnx:colors: detector.json is not valid JSON',
    ],
    [
      'gets a sidecar with a value that cannot be',
      async (folder: string) => await writeFile(join(folder, 'detector.json'), '{"version": 1, "labels": 7}'),
      () => 'The detector onnx:colors: ',
    ],
    [
      'gets a sidecar that cannot be read',
      async (folder: string) => {
        await rm(join(folder, 'detector.json'));
        await symlink('detector.json', join(folder, 'detector.json'));
      },
      (folder: string) =>
        `${join(folder, 'detector.json')} cannot be read (ELOOP). Check its permissions, or add the detector again.`,
    ],
  ])('%s ends it at once with a sentence, and costs no tile that has ended before', async (_, change, sentence) => {
    const first = await changedMeanwhile(change, KEPT_MS, 0);
    expect(first.progress).toMatchObject({ status: 'FAILED', reason: expect.stringContaining(sentence(first.folder)) });
    expect(first.calls).toBeLessThan(10); // of 29 tiles
    const { progress, folder } = await changedMeanwhile(change, KEPT_MS, 2);
    expect(progress).toMatchObject({ status: 'PARTIAL', tiles: { done: 2, failed: 27 } });
    const reasons = new Set(progress?.failed_tiles.map(({ reason }) => reason));
    expect([...reasons]).toEqual([expect.stringContaining(sentence(folder))]);
  });

  test('loses its model file remains usable in the processes that hold it', async () => {
    const { progress } = await changedMeanwhile(async (folder) => await writeFile(join(folder, 'model.onnx'), 'x'), 0, 2);
    expect(progress).toMatchObject({ status: 'SUCCEEDED', tiles: { done: 29 } });
  });
});
