// Lines that a finer level has read, through the Vision port and the model's process: reported where they are found, not read again.
import sharp from 'sharp';
import { expect, test } from 'vitest';
import type { Ask, Box } from '../../pipeline/contract/schemas.ts';
import { onnxVision } from '../../pipeline/vision/onnx/onnx-vision.ts';

const EVERYTHING: Ask = { look_for: null, labels: [] };
const vision = onnxVision();

async function tile() {
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg" width="480" height="320" font-family="sans-serif" font-size="24">' +
    '<rect width="100%" height="100%" fill="white"/><text x="60" y="100">PUMP 12</text><text x="60" y="200">VALVE 7</text></svg>';
  const bytes = await sharp(Buffer.from(svg)).jpeg({ quality: 90 }).toBuffer();
  return { bytes, width: 480, height: 320 };
}

async function textsWith(known: { box: Box; text: string }[]): Promise<unknown[]> {
  const readLines = known.map((line) => ({ ...line, score: 0.97 }));
  const { detections } = await vision.detect('onnx:ppocr', { ...(await tile()), readLines }, EVERYTHING);
  return detections.map(({ text, description, score }) => [text, description, score === 0.97]);
}

test('a known line is reported with its text and score, in the box where it was found', async () => {
  const { detections } = await vision.detect('onnx:ppocr', await tile(), EVERYTHING);
  expect(detections.map(({ text }) => text)).toEqual(['PUMP 12', 'VALVE 7']);
  const [[left = 0, top = 0, width = 0, height = 0] = []] = detections.map(({ box }) => box);
  const moved: Box = [left - 1.5, top + 1.5, width + 2, height - 1];
  expect(await textsWith([{ box: moved, text: 'PUMP I2' }])).toEqual([
    ['PUMP I2', 'text: PUMP I2', true],
    ['VALVE 7', 'text: VALVE 7', false],
  ]);
  const readLines = [{ box: moved, text: 'PUMP I2', score: 0.97 }];
  const answer = await vision.detect('onnx:ppocr', { ...(await tile()), readLines }, EVERYTHING);
  expect(answer.detections.map(({ box }) => box)).toEqual(detections.map(({ box }) => box));
});

test('a line of which only a part is known is read, and one where nothing is found is not made up', async () => {
  const { detections } = await vision.detect('onnx:ppocr', await tile(), EVERYTHING);
  const [[left = 0, top = 0, width = 0, height = 0] = []] = detections.map(({ box }) => box);
  const known = [
    { box: [left, top, width * 0.6, height] satisfies Box, text: 'PUMP' },
    { box: [left, 260, width, height] satisfies Box, text: 'GHOST' },
  ];
  expect(await textsWith(known)).toEqual([
    ['PUMP 12', 'text: PUMP 12', false],
    ['VALVE 7', 'text: VALVE 7', false],
  ]);
});
