// What a model reports besides boxes reaches findings.json through the real pipeline and engine.
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/folder.ts';
import { pipelineStage, requestFor } from '../support/pipeline-run.ts';
import { detectionOf, scriptedVision } from '../support/scripted-vision.ts';

async function oneTile(): Promise<string> {
  const path = `${await temporaryFolder()}/noise.png`;
  const noise = { type: 'gaussian', mean: 128, sigma: 30 } as const;
  await sharp({ create: { width: 400, height: 300, channels: 3, background: '#777', noise } }).toFile(path);
  return path;
}

test('outlines, angles and other labels of an object are in its finding, and min_score reaches model and merge', async () => {
  const stage = await pipelineStage();
  const asked: unknown[] = [];
  const vision = scriptedVision({
    detect: () => [
      detectionOf('ship', [40, 40, 100, 80], {
        score: 0.2,
        angle: 30.04,
        polygon: [
          [60, 38.04],
          [141, 80],
          [120, 121],
          [39, 79],
        ],
      }),
      detectionOf('boat', [41, 40, 100, 80], { score: 0.1, polygon: [[41, 40], [500, 41.4], [90, 120]] }), // biome-ignore format: one line
      detectionOf('cup', [200, 200, 30, 30], { score: 0.05, polygon: [[200, 200], [230, 200], [230, 230]] }), // biome-ignore format: one line
    ],
  });
  const { detect } = vision;
  vision.detect = async (...args) => {
    asked.push(args[2]);
    return await detect.apply(vision, args);
  };
  const ask = { look_for: null, labels: [], min_score: 0.05 };
  const { document } = await stage.run({ ...requestFor(await oneTile(), { tile_size: 640 }), ask }, vision);
  expect(asked).toEqual([ask]);
  expect(document?.request.ask).toEqual(ask);
  expect(document?.findings).toMatchObject([
    {
      label: 'ship',
      score: 0.2,
      angle: 30,
      polygon: [
        [60, 38],
        [141, 80],
        [120, 121],
        [39, 79],
      ],
    },
    { label: 'boat', score: 0.1, polygon: [[41, 40], [400, 41], [90, 120]] }, // biome-ignore format: one line
    { label: 'cup', score: 0.05 },
  ]);
});

test('without min_score, findings below 0.4 are left out and counted in a note', async () => {
  const stage = await pipelineStage();
  const vision = scriptedVision({ detect: () => [detectionOf('ship', [40, 40, 100, 80], { score: 0.39 })] });
  const { document } = await stage.run(requestFor(await oneTile(), { tile_size: 640 }), vision);
  expect(document?.findings).toEqual([]);
  expect(document?.notes).toContainEqual(expect.stringMatching(/^1 detection was left out with a score below 0\.4,/));
});
