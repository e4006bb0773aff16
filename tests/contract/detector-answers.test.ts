// What becomes of answers that cannot be used, of sidecars that do not fit, and of graphs that cannot run.
import { Tensor } from 'onnxruntime-node';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { onnxFile } from '../../models/onnx-file.ts';
import { signedArea } from '../../pipeline/outlines/polygons.ts';
import type { Jpeg } from '../../pipeline/ports.ts';
import type { LayoutName } from '../../pipeline/vision/detectors/layouts.ts';
import { inputPlanes, placementOf } from '../../pipeline/vision/detectors/letterbox.ts';
import { readOnnxModel } from '../../pipeline/vision/detectors/onnx-model.ts';
import { recognize } from '../../pipeline/vision/detectors/recognize.ts';
import { loadDetector, runDetector } from '../../pipeline/vision/detectors/run-detector.ts';
import type { Sidecar } from '../../pipeline/vision/detectors/sidecar.ts';
import { detectorFile, type FileOptions } from '../support/detector-files.ts';
import { LABELS } from '../support/detector-graph.ts';

const QUIET = { logSeverityLevel: 4 } as const;

const RECTANGLES =
  '<rect x="80" y="40" width="160" height="160" fill="red"/><rect x="120" y="80" width="80" height="80" fill="blue"/>';

async function tile(shapes = RECTANGLES): Promise<Jpeg> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="320" height="256"><rect width="100%" height="100%"/>${shapes}</svg>`;
  return { bytes: await sharp(Buffer.from(svg)).png().toBuffer(), width: 320, height: 256 };
}

async function answerOf(changed: Partial<Sidecar>, options: FileOptions = {}, scoreMin?: number) {
  const bytes = detectorFile('yolov8', options);
  const { sidecar } = recognize(readOnnxModel(bytes), { sha256: 'a'.repeat(64), bytes: bytes.length }, { labels: LABELS });
  return await runDetector(await loadDetector(bytes, QUIET), { ...sidecar, ...changed }, await tile(), scoreMin);
}

const labelsOf = async (...args: Parameters<typeof answerOf>) => (await answerOf(...args)).map(({ label }) => label);

describe('an answer that cannot be used costs its tile, and invents nothing', () => {
  test.each<[spoiled: number, sentence: string]>([
    [Number.NaN, 'The model returned NaN instead of a number in its output output0.'],
    [Number.POSITIVE_INFINITY, 'instead of a number in its output output0.'],
    [3, 'The model returned a score of 2.70. Expected at most 1: if every tile fails, correct layout in detector.json.'],
  ])('all values times %d', async (spoiled, sentence) => {
    await expect(answerOf({}, { spoiled })).rejects.toMatchObject({
      name: 'AnswerError',
      message: expect.stringContaining(sentence),
    });
  });

  test('a turned box that ends far beyond every image', async () => {
    const [rows, candidates] = [4 + LABELS.length + 1, 1_680];
    const values = new Float32Array(rows * candidates);
    for (const [row, value] of [100, 100, 1e30, 10, 0.9, 0, 0, 0.5].entries()) values[row * candidates] = value;
    const bytes = detectorFile('yolov8-obb', { metadata: { task: 'obb' } });
    const { sidecar } = recognize(readOnnxModel(bytes), { sha256: 'a'.repeat(64), bytes: bytes.length }, { labels: LABELS });
    const session = await loadDetector(bytes, QUIET);
    session.run = async () => ({ output0: new Tensor('float32', values, [1, rows, candidates]) });
    await expect(runDetector(session, sidecar, await tile())).rejects.toMatchObject({
      name: 'AnswerError',
      message: 'The model returned a box without an end. If every tile fails, correct layout in detector.json.',
    });
  });

  test('an input of another size than the model takes', async () => {
    await expect(answerOf({ input: { width: 640, height: 640 } })).rejects.toMatchObject({
      name: 'AnswerError',
      message: expect.stringContaining('onnxruntime could not run the detector on an input of 640 x 640 px.'),
    });
  });
});

describe('a sidecar that does not describe its model is refused with the shapes that came', () => {
  test.each<[changed: Partial<Sidecar>]>([
    [{ labels: ['red', 'blue'] }],
    [{ layout: 'yolov5' }],
    [{ layout: 'yolox' }],
    [{ layout: 'yolov8-seg' }],
    [{ layout: 'yolov8-obb' }],
    [{ layout: 'yolo-end2end' }],
    [{ layout: 'rtdetr' }],
    [{ layout: 'rtdetr-hf' }],
    [{ layout: 'nanodet' }],
    [{ layout: 'picodet' }],
  ])('%j', async (changed) => {
    const message = expect.stringMatching(
      /^The model returned output0 \[1, 7, 1680\]\. The layout .+ Correct layout, labels or input in detector\.json\.$/,
    );
    await expect(answerOf(changed)).rejects.toMatchObject({ name: 'UserError', message });
  });
});

describe('the sidecar decides', () => {
  test('which classes are reported', async () => {
    expect(await labelsOf({ labels: ['red', null, null] })).toEqual(['red']);
    expect(await labelsOf({ labels: ['Valve', 'Pump', null] })).toEqual(['Valve', 'Pump']);
  });

  test('from which score on', async () => {
    expect(await labelsOf({ score_min: 0.85 })).toEqual(['red']);
    expect(await labelsOf({ score_min: 0.95 })).toEqual([]);
    // 0.8 of the model is 0.84 on the scale of the merge, if 0.25 is 0.4.
    expect(await labelsOf({}, {}, 0.85)).toEqual(['red']);
    expect(await labelsOf({ score_min: 0.95 }, {}, 0.2)).toEqual(['red', 'blue']);
  });

  test('the order of the colors', async () => {
    const [first] = await answerOf({ colors: 'bgr' });
    expect(first).toMatchObject({ label: 'red', box: [120, 80, 80, 80] });
  });

  test('whether boxes of different labels are duplicates', async () => {
    expect(await labelsOf({ nms: { iou: 0.2, across_labels: false } })).toEqual(['red', 'blue']);
    expect(await labelsOf({ nms: { iou: 0.2, across_labels: true } })).toEqual(['red']);
  });
});

describe('a model with', () => {
  async function detected(layout: LayoutName, shapes: string, changed: Partial<Sidecar> = {}) {
    const bytes = detectorFile(layout, { metadata: layout.endsWith('obb') ? { task: 'obb' } : {} });
    const { sidecar } = recognize(readOnnxModel(bytes), { sha256: 'a'.repeat(64), bytes: bytes.length }, { labels: LABELS });
    return await runDetector(await loadDetector(bytes, QUIET), { ...sidecar, ...changed }, await tile(shapes));
  }

  test('turned boxes compares them as they are turned', async () => {
    const shapes =
      '<rect x="80" y="110" width="160" height="20" fill="red"/><rect x="150" y="110" width="20" height="20" fill="blue"/>';
    // The IoU of the boxes is 400 / 3,200 = 0.125, that of their hulls 0.05.
    expect(await detected('yolov8-obb', shapes, { nms: { iou: 0.15, across_labels: true } })).toHaveLength(2);
    expect(await detected('yolov8-obb', shapes, { nms: { iou: 0.08, across_labels: true } })).toHaveLength(1);
  });

  test('masks outlines an object up to the edges of its tile', async () => {
    const shapes = '<rect width="320" height="256" fill="red"/><rect x="100" y="100" width="40" height="40" fill="blue"/>';
    const [{ polygon = [] } = {}] = await detected('yolov8-seg', shapes);
    const [xs, ys] = [polygon.map(([x]) => x), polygon.map(([, y]) => y)];
    expect([Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)]).toEqual([0, 320, 0, 256]);
    expect(signedArea(polygon) / (320 * 256)).toBeGreaterThan(0.999); // a sample of 4 px cuts off a corner
  });
});

describe('a tile in the input', () => {
  const input = { width: 320, height: 256 };
  const gray: Pick<Sidecar, 'fill' | 'scale' | 'mean' | 'std' | 'colors'> = {
    fill: 114,
    scale: '0-255',
    mean: [0, 0, 0],
    std: [1, 1, 1],
    colors: 'rgb',
  };
  test.each<[fit: Sidecar['fit'], left: number, top: number, width: number, height: number]>([
    ['center', 0, 80, 320, 96],
    ['top-left', 0, 0, 320, 96],
    ['stretch', 0, 0, 320, 256],
  ])('with the fit %s has its place, and gray around it', async (fit, left, top, width, height) => {
    const bytes = await sharp({ create: { width: 301, height: 90, channels: 3, background: '#ff0000' } })
      .png()
      .toBuffer();
    const placement = placementOf({ width: 301, height: 90 }, { input, fit });
    expect(placement).toMatchObject({ left, top, width, height });
    const values = await inputPlanes({ bytes, width: 301, height: 90 }, placement, { ...gray, input });
    const expected = Float32Array.from({ length: 3 * 320 * 256 }, (_, index) => {
      const y = Math.floor(index / 320) % 256;
      if (y < top || y >= top + height) return 114;
      return index < 320 * 256 ? 255 : 0;
    });
    expect(values).toEqual(expected);
  });
});

test('a tall tile is centered between its sides', () => {
  const placement = placementOf({ width: 90, height: 301 }, { input: { width: 320, height: 256 }, fit: 'center' });
  expect(placement).toMatchObject({ left: 121, top: 0, width: 77, height: 256 });
});

describe('a graph that cannot run is refused when it is loaded', () => {
  const image = { name: 'x', shape: [1, 3, 8, 8] };
  const graphs: [kind: string, nodes: Parameters<typeof onnxFile>[0]['nodes']][] = [
    [
      'a cycle',
      [
        { op: 'Add', inputs: ['x', 'b'], outputs: ['a'], attributes: {} },
        { op: 'Relu', inputs: ['a'], outputs: ['b'], attributes: {} },
        { op: 'Relu', inputs: ['b'], outputs: ['y'], attributes: {} },
      ],
    ],
    ['an unknown operator', [{ op: 'Magic', inputs: ['x'], outputs: ['y'], attributes: {} }]],
    ['an operator of another domain', [{ op: 'Magic', inputs: ['x'], outputs: ['y'], attributes: {}, domain: 'my.domain' }]],
    ['a missing tensor', [{ op: 'Relu', inputs: ['nothing'], outputs: ['y'], attributes: {} }]],
    ['no nodes', []],
  ];
  test.each(graphs)('%s', async (_, nodes) => {
    const bytes = onnxFile(
      { name: 'bad', inputs: [image], outputs: [{ name: 'y', shape: [1, 3, 8, 8] }], constants: [], nodes },
      'tests',
    );
    await expect(loadDetector(bytes, QUIET)).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringContaining('onnxruntime cannot load the model'),
    });
  });

  test('bytes cut within the weights', async () => {
    const bytes = detectorFile('yolov8');
    await expect(loadDetector(bytes.subarray(0, bytes.length - 100), QUIET)).rejects.toMatchObject({ name: 'UserError' });
  });
});
