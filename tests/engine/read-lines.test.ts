// What a tile has read reaches the model in the coarser tiles of the same execution, through the real pipeline and engine.
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/folder.ts';
import { pipelineStage, requestFor } from '../support/pipeline-run.ts';
import { detectionOf, scriptedVision } from '../support/scripted-vision.ts';

test('the overview is analyzed with the lines that full resolution has shown', async () => {
  const path = `${await temporaryFolder()}/noise.png`;
  const noise = { type: 'gaussian', mean: 128, sigma: 30 } as const;
  await sharp({ create: { width: 800, height: 400, channels: 3, background: '#777', noise } }).toFile(path);
  const line = detectionOf('text', [100, 200, 120, 24], { score: 0.95, text: 'EXIT' });
  const asked: unknown[] = [];
  const vision = scriptedVision({
    detect({ width, readLines }, call) {
      asked.push({ width, readLines });
      return call === 0 ? [line] : [];
    },
  });
  const stage = await pipelineStage();
  const oneByOne = { ...stage.deps.limits, tileConcurrency: 1 };
  const request = requestFor(path, { tile_size: 480, overlap: 0 });
  const { document } = await stage.run(request, vision, (deps) => ({ ...deps, limits: oneByOne }));
  expect(asked).toEqual([
    { width: expect.any(Number), readLines: [] },
    { width: expect.any(Number), readLines: [] },
    { width: 400, readLines: [{ box: [50, 100, 60, 12], text: 'EXIT', score: 0.95 }] },
  ]);
  expect(document?.findings).toMatchObject([{ text: 'EXIT' }]);
});
