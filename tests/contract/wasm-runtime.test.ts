// The WebAssembly of the local models against the native runtime: real weights, and every layout of detectors.
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { at } from '../../pipeline/contract/at.ts';
import type { Jpeg } from '../../pipeline/ports.ts';
import { LayoutName } from '../../pipeline/vision/detectors/layouts.ts';
import { readOnnxModel } from '../../pipeline/vision/detectors/onnx-model.ts';
import { recognize } from '../../pipeline/vision/detectors/recognize.ts';
import { loadDetector, runDetector } from '../../pipeline/vision/detectors/run-detector.ts';
import { onnxVision } from '../../pipeline/vision/onnx/onnx-vision.ts';
import { sessionOptions } from '../../pipeline/vision/onnx/sessions.ts';
import { detectorFile } from '../support/detector-files.ts';
import { LABELS } from '../support/detector-graph.ts';

const SCORE_DIGITS = 2;
const EDGE_PX_MAX = 1;
const EVERYTHING = { look_for: null, labels: [] };
const NOTE = 'The local models ran in WebAssembly (ONNX_EXECUTION_PROVIDER). They find the same, about 3 times slower.';

async function tileWith(svg: string, width: number, height: number): Promise<Jpeg> {
  const text = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%"/>${svg}</svg>`;
  return { bytes: await sharp(Buffer.from(text)).removeAlpha().png().toBuffer(), width, height };
}

describe('in WebAssembly', () => {
  test.each(['onnx:nanodet', 'onnx:ppocr'] as const)('%s detects the same, and a note names the difference', async (model) => {
    const [left, top] = [1_600, 1_500]; // a cat and a cup
    const sign = { text: 'WORKSHOP 4711', font: 'sans 24', rgba: true, dpi: 96 };
    const image = sharp('examples/lawn.jpg').extract({ left, top, width: 640, height: 640 });
    const bytes = await image
      .composite([{ input: { text: sign }, left: 40, top: 40 }])
      .jpeg()
      .toBuffer();
    const detect = async (executionProvider: 'cpu' | 'wasm') =>
      await onnxVision({ executionProvider }).detect(model, { bytes, width: 640, height: 640 }, EVERYTHING);
    const [native, wasm] = [await detect('cpu'), await detect('wasm')];
    expect(native.detections.length).toBeGreaterThan(0);
    expect(wasm.detections).toEqual(native.detections);
    expect(native.notes).not.toContain(NOTE);
    expect(wasm.notes).toEqual([...native.notes, NOTE]);
  });

  test('onnx:nsfw gives the same verdict', async () => {
    const image = await tileWith('<circle cx="100" cy="100" r="60" fill="orange"/>', 224, 224);
    const moderate = async (executionProvider: 'cpu' | 'wasm') =>
      await onnxVision({ executionProvider }).moderate('onnx:nsfw', image);
    expect(await moderate('wasm')).toEqual(await moderate('cpu'));
  });

  test.each(LayoutName.options)('a detector with the layout %s detects the same', async (layout) => {
    const bytes = detectorFile(layout, layout.endsWith('-obb') ? { metadata: { task: 'obb' } } : {});
    const file = { sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length };
    const { sidecar } = recognize(readOnnxModel(bytes), file, { labels: LABELS, layout });
    const tile = await tileWith(
      '<rect x="60" y="40" width="180" height="150" fill="red"/><rect x="100" y="80" width="90" height="70" fill="blue"/>',
      320,
      256,
    );
    const detect = async (executionProvider: 'cpu' | 'wasm') =>
      await runDetector(await loadDetector(bytes, sessionOptions(executionProvider)), sidecar, tile);
    const [native, wasm] = [await detect('cpu'), await detect('wasm')];
    expect(native.map(({ label }) => label)).toEqual(['red', 'blue']);
    expect(wasm.map(({ label }) => label)).toEqual(['red', 'blue']);
    for (const [index, { score, box }] of wasm.entries()) {
      const expected = at(native, index);
      expect(score).toBeCloseTo(expected.score, SCORE_DIGITS);
      for (const [side, length] of box.entries())
        expect(Math.abs(length - at(expected.box, side))).toBeLessThanOrEqual(EDGE_PX_MAX);
    }
  });

  test('a damaged model has the same sentence', async () => {
    await expect(loadDetector(new Uint8Array([1, 2, 3]), sessionOptions('wasm'))).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringContaining('onnxruntime cannot load the model: its graph is damaged'),
    });
  });
});
