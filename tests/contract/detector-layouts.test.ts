// Every layout of ONNX detectors, with real files, real onnxruntime and real sharp: from a tile to its detections.
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { at } from '../../pipeline/contract/at.ts';
import { type Box, Detection } from '../../pipeline/contract/schemas.ts';
import type { Jpeg } from '../../pipeline/ports.ts';
import { LayoutName } from '../../pipeline/vision/detectors/layouts.ts';
import { readOnnxModel } from '../../pipeline/vision/detectors/onnx-model.ts';
import { type Given, recognize } from '../../pipeline/vision/detectors/recognize.ts';
import { loadDetector, runDetector } from '../../pipeline/vision/detectors/run-detector.ts';
import { mergeScore, type Sidecar } from '../../pipeline/vision/detectors/sidecar.ts';
import { detectorFile, type FileOptions } from '../support/detector-files.ts';
import { ANGLE, LABELS, SCORES } from '../support/detector-graph.ts';

const TILES: [name: string, width: number, height: number][] = [
  ['of the input size', 320, 256],
  ['square', 256, 256],
  ['wide', 300, 90],
  ['tall', 80, 250],
  ['tiny', 24, 20],
  ['odd', 211, 157],
  ['a little larger', 350, 290],
];

/** A red rectangle around a blue one, both around the middle of the tile. The edges are at whole pixels. */
function boxesIn(width: number, height: number): Record<'red' | 'blue', Box> {
  const box = (left: number, top: number, right: number, bottom: number): Box => {
    const [x, y] = [Math.floor(width * left), Math.floor(height * top)];
    return [x, y, Math.ceil(width * right) - x, Math.ceil(height * bottom) - y];
  };
  return { red: box(0.2, 0.15, 0.75, 0.8), blue: box(0.3, 0.3, 0.65, 0.7) };
}

async function drawn(width: number, height: number, boxes: Partial<Record<'red' | 'blue', Box>>): Promise<Jpeg> {
  const rectangles = Object.entries(boxes).map(
    ([color, [x, y, w, h]]) =>
      `<rect x="${x}" y="${y}" width="${w}" height="${h}" fill="${color}" shape-rendering="crispEdges"/>`,
  );
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%"/>${rectangles.join('')}</svg>`;
  // Without the loss of a JPEG, which would move edges.
  return { bytes: await sharp(Buffer.from(svg)).removeAlpha().png().toBuffer(), width, height };
}

async function detectorOf(layout: LayoutName, options: FileOptions = {}, given: Given = { labels: LABELS }) {
  const bytes = detectorFile(layout, options);
  const file = { sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length };
  const { sidecar } = recognize(readOnnxModel(bytes), file, given);
  const session = await loadDetector(bytes, { logSeverityLevel: 3 });
  return {
    sidecar,
    detect: (tile: Jpeg, changed: Partial<Sidecar> = {}) => runDetector(session, { ...sidecar, ...changed }, tile),
  };
}

const METADATA: Partial<Record<LayoutName, Record<string, string>>> = {
  'yolov8-obb': { task: 'obb' },
  'yolo-end2end-obb': { task: 'obb', end2end: 'True' },
  'rtdetr-ultralytics': { task: 'detect', description: 'Ultralytics rtdetr-l model trained on coco.yaml' },
};

describe.each(LayoutName.options)('a detector with the layout %s', (layout) => {
  const metadata = METADATA[layout];
  const options = metadata ? { metadata } : {};

  test('is recognized, and reports boxes within 1 px on tiles of any shape', async () => {
    const { sidecar, detect } = await detectorOf(layout, options);
    expect(sidecar.layout).toBe(layout);
    for (const [name, width, height] of TILES) {
      const boxes = boxesIn(width, height);
      const detections = await detect(await drawn(width, height, boxes));
      expect(detections.map(({ label }) => label)).toEqual(['red', 'blue']);
      for (const [index, color] of (['red', 'blue'] as const).entries()) {
        const detection = Detection.parse(detections[index]);
        expect(detection.score).toBeCloseTo(mergeScore(SCORES[color], sidecar), 2);
        if (layout.endsWith('-obb')) expectTurned(detection, boxes[color], name);
        else expectNear(detection.box, boxes[color], name);
        if (layout.endsWith('-seg') && width >= 200 && height >= 100) expectOutline(detection, boxes[color], name);
      }
    }
  });
});

function edgesOf([left, top, width, height]: Box): number[] {
  return [left, top, left + width, top + height];
}

function expectNear(box: Box, truth: Box, name: string): void {
  const errors = edgesOf(box).map((edge, index) => Math.abs(edge - at(edgesOf(truth), index)));
  expect(Math.max(...errors), `${name}: ${box} for ${truth}`).toBeLessThanOrEqual(1);
}

function expectTurned({ polygon = [], angle, box }: Detection, [left, top, width, height]: Box, name: string): void {
  const [centerX, centerY] = [left + width / 2, top + height / 2];
  const [cos, sin] = [Math.cos(ANGLE), Math.sin(ANGLE)];
  const truth = [
    [-width, -height],
    [width, -height],
    [width, height],
    [-width, height],
  ].map(([x = 0, y = 0]) => [centerX + (x * cos - y * sin) / 2, centerY + (x * sin + y * cos) / 2]);
  const errors = truth.flat().map((value, index) => Math.abs(value - at(polygon.flat(), index)));
  expect(polygon).toHaveLength(4);
  expect(Math.max(...errors), name).toBeLessThanOrEqual(1);
  expect(Math.abs((angle ?? 0) - (ANGLE * 180) / Math.PI), name).toBeLessThan(1);
  for (const [x, y] of polygon) {
    expect(x).toBeGreaterThanOrEqual(box[0] - 40);
    expect(y).toBeGreaterThanOrEqual(box[1] - 40);
  }
}

function expectOutline({ polygon = [] }: Detection, truth: Box, name: string): void {
  const [xs, ys] = [polygon.map(([x]) => x), polygon.map(([, y]) => y)];
  const hull: Box = [Math.min(...xs), Math.min(...ys), Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys)];
  expectNear(hull, truth, `${name}, outline`);
  expect(polygon.length).toBeLessThanOrEqual(32);
  const area = polygon.reduce((sum, [x, y], index) => {
    const [nextX, nextY] = at(polygon, (index + 1) % polygon.length);
    return sum + (x * nextY - nextX * y) / 2;
  }, 0);
  expect(area / (truth[2] * truth[3]), name).toBeGreaterThan(0.97);
  expect(area / (truth[2] * truth[3]), name).toBeLessThan(1.03);
}
