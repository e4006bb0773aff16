// Models that must not take the command down: each ends with one sentence, within the limits of time and memory.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { tried } from '../../cli/models/trial.ts';
import { describeDetector } from '../../pipeline/vision/detectors/detector-file.ts';
import { Detected, NANODET } from '../../pipeline/vision/onnx/model-jobs.ts';
import { modelPool } from '../../pipeline/vision/onnx/model-pool.ts';
import { detectorFile } from '../support/detector-files.ts';
import { LABELS } from '../support/detector-graph.ts';
import { temporaryFolder } from '../support/folder.ts';
import { circularDetector, endlessDetector, greedyDetector, loopingDetector } from '../support/hostile-detectors.ts';
import { redAndBlue } from '../support/registered-detector.ts';

const GIB = 1_024 ** 3;
const WHOLE = detectorFile('yolov8');
const NEVER = new AbortController().signal;

async function trialOf(bytes: Uint8Array, limits = { ms: 30_000, bytes: 2 * GIB }, signal = NEVER, labels = LABELS) {
  const modelPath = join(await temporaryFolder(), 'model.onnx');
  await writeFile(modelPath, bytes);
  return await tried({ modelPath, layout: null, labels, imagePath: null }, signal, limits);
}

test('a good one is recognized and runs', async () => {
  const trial = await trialOf(detectorFile('yolov8'));
  expect(trial).toMatchObject({ sidecar: { layout: 'yolov8', labels: LABELS }, shownAs: { width: 320, height: 256 } });
  expect(trial.detections.map(({ label }) => label)).toEqual(expect.arrayContaining(['red', 'blue']));
});

test('one that computes for hours ends at the limit', async () => {
  const began = performance.now();
  await expect(trialOf(endlessDetector(), { ms: 4_000, bytes: 2 * GIB })).rejects.toMatchObject({
    name: 'UserError',
    message: 'The model did not finish one image within 4 s, so it is not registered. Export a smaller model.',
  });
  expect(performance.now() - began).toBeLessThan(15_000);
});

test.each(['the image', 'a constant'] as const)('one with a loop over %s that has no end is ended at the limit', async (from) => {
  await expect(trialOf(loopingDetector(from), { ms: 3_000, bytes: 2 * GIB })).rejects.toMatchObject({
    name: 'UserError',
    message: 'The model did not finish one image within 3 s, so it is not registered. Export a smaller model.',
  });
});

test('one that takes all memory is ended before it has it', async () => {
  await expect(trialOf(greedyDetector(), { ms: 60_000, bytes: GIB })).rejects.toMatchObject({
    name: 'UserError',
    message:
      'The model needs more than 1.0 GiB of memory for one image, so it is not registered. Export it with a smaller input.',
  });
});

test.each([
  ['computes for hours', endlessDetector()],
  ['has a loop without end', loopingDetector('the image')],
  ['has a loop without end as it is loaded', loopingDetector('a constant')],
])('one that %s although it is registered costs its tile, not the worker of the next one', async (_, endless) => {
  const folder = await temporaryFolder();
  const job = async (name: string, bytes: Uint8Array, ms: number) => {
    const modelPath = join(folder, name);
    await writeFile(modelPath, bytes);
    const { sidecar } = await describeDetector(modelPath, { labels: LABELS });
    return { model: { modelPath, version: name, sidecar }, result: Detected, limit: { ms, sentence: 'It took too long.' } };
  };
  const pool = modelPool(join(import.meta.dirname, '../../models'));
  onTestFinished(() => pool.close());
  const tile = await redAndBlue(320, 256);
  const slow = await job('slow', endless, 3_000);
  const ends = await Promise.allSettled([1, 2, 3].map(() => pool.run(slow, tile)));
  const ended = { status: 'rejected', reason: expect.objectContaining({ name: 'AnswerError', message: 'It took too long.' }) };
  expect(ends).toEqual([ended, ended, ended]);
  expect((await pool.run(await job('good', WHOLE, 60_000), tile)).detections).toHaveLength(2);
});

test('one that takes all memory although it is registered costs its tile, not the machine', async () => {
  const modelPath = join(await temporaryFolder(), 'greedy');
  await writeFile(modelPath, greedyDetector());
  const { sidecar } = await describeDetector(modelPath, { labels: LABELS });
  const pool = modelPool(join(import.meta.dirname, '../../models'), { bytesMax: GIB });
  onTestFinished(() => pool.close());
  const limit = { ms: 60_000, sentence: 'It took too long.' };
  const tile = await redAndBlue(320, 256);
  await expect(
    pool.run({ model: { modelPath, version: 'greedy', sidecar }, result: Detected, limit }, tile),
  ).rejects.toMatchObject({
    name: 'AnswerError',
    message: 'The local models need more than 1.0 GiB of memory for a tile. Use smaller models, or fewer of them.',
  });
  await expect(pool.run(NANODET, tile)).resolves.toHaveProperty('detections');
});

test('an interruption ends it at once', async () => {
  const interrupt = new AbortController();
  const trial = trialOf(endlessDetector(), undefined, interrupt.signal);
  setTimeout(() => interrupt.abort(), 1_500);
  await expect(trial).rejects.toMatchObject({ name: 'AbortError' });
});

test.each<[string, Uint8Array, RegExp]>([
  ['an empty file', new Uint8Array(), /./],
  ['a file that is cut', WHOLE.subarray(0, WHOLE.length >> 1), /./],
  ['an image', await readFile('examples/lawn.jpg').then((bytes) => bytes.subarray(0, 100_000)), /./],
  ['a graph of 3 GB that is not there', Uint8Array.of(8, 8, 0x3a, 0x80, 0xbc, 0xc1, 0x96, 0x0b, 1, 2, 3), /./],
  ['nodes in a circle', circularDetector(), /./],
  ['values that are not numbers', detectorFile('yolov8', { spoiled: Number.NaN }), /^The model returned NaN/],
  [
    'a declared shape that is not the computed one',
    detectorFile('yolov8', { declared: { outputs: [[1, 7, 1_680]], input: [1, 3, 640, 320] } }),
    /./,
  ],
])('%s is a sentence', async (_, bytes, sentence) => {
  await expect(trialOf(bytes)).rejects.toMatchObject({ name: 'UserError', message: expect.stringMatching(sentence) });
});

test('a wrong number of labels is a sentence', async () => {
  await expect(trialOf(WHOLE, undefined, NEVER, ['a', 'b', 'c', 'd', 'e'])).rejects.toMatchObject({
    name: 'UserError',
    message: expect.stringMatching(/classes, but there are 5 labels\. Correct labels, or set layout\.$/),
  });
});
