// An analysis with a registered detector, on the real pipeline and engine: it keeps the plan of the version that it was started with.
import sharp from 'sharp';
import { expect, test } from 'vitest';
import type { AnalysisRequest } from '../../pipeline/contract/schemas.ts';
import type { Jpeg } from '../../pipeline/ports.ts';
import { temporaryFolder } from '../support/folder.ts';
import { pipelineStage, requestFor } from '../support/pipeline-run.ts';
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
