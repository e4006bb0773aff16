// A detector that people really use: YOLOX-nano (Apache-2.0), which this repository does not hold. Its file is named by YOLOX_NANO, or lies
// beside the repository.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { describeDetector } from '../../pipeline/vision/detectors/detector-file.ts';
import { loadDetector, runDetector } from '../../pipeline/vision/detectors/run-detector.ts';

// biome-ignore lint/style/noProcessEnv: a setting of this test alone.
const FILE = process.env.YOLOX_NANO ?? join(import.meta.dirname, '../../../shared/samples/detectors/yolox_nano.onnx');
const EDGE_PX = 416;
const LAWN = 'examples/lawn.jpg';

const Truth = z.array(z.object({ label: z.string(), x1: z.number(), y1: z.number(), x2: z.number(), y2: z.number() }));

test.skipIf(!existsSync(FILE))('YOLOX-nano is recognized, and finds the first things on the lawn where they are', async () => {
  const { sidecar, notes } = await describeDetector(FILE);
  expect(sidecar).toMatchObject({ layout: 'yolox', input: { width: EDGE_PX, height: EDGE_PX }, colors: 'bgr', fit: 'top-left' });
  expect(notes).toEqual([
    'The layout is yolox, by the names of its inputs and outputs.',
    'The file does not name its 80 classes: they are taken for those of COCO. Set labels if they differ.',
  ]);
  const session = await loadDetector(await readFile(FILE), { logSeverityLevel: 3 });
  const truth = Truth.parse(JSON.parse(await readFile('examples/lawn.truth.json', 'utf8'))).slice(0, 6);
  for (const { label, x1, y1, x2, y2 } of truth) {
    const left = Math.max(0, Math.round((x1 + x2 - EDGE_PX) / 2));
    const top = Math.max(0, Math.round((y1 + y2 - EDGE_PX) / 2));
    const bytes = await sharp(LAWN).extract({ left, top, width: EDGE_PX, height: EDGE_PX }).jpeg({ quality: 90 }).toBuffer();
    const detections = await runDetector(session, sidecar, { bytes, width: EDGE_PX, height: EDGE_PX });
    const overlaps = detections
      .filter((detection) => detection.label === label)
      .map(({ box: [x, y, width, height] }) => {
        const shared =
          Math.max(0, Math.min(x + width, x2 - left) - Math.max(x, x1 - left)) *
          Math.max(0, Math.min(y + height, y2 - top) - Math.max(y, y1 - top));
        return shared / (width * height + (x2 - x1) * (y2 - y1) - shared);
      });
    expect(Math.max(0, ...overlaps), label).toBeGreaterThan(0.6);
  }
});
