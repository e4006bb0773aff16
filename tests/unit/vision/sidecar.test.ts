// detector.json, which a person may correct.
import { describe, expect, test } from 'vitest';
import { MIN_SCORE_DEFAULT } from '../../../pipeline/contract/schemas.ts';
import { mergeScore, modelScore, parseSidecar, type Sidecar, writeSidecar } from '../../../pipeline/vision/detectors/sidecar.ts';

const SIDECAR: Sidecar = {
  version: 1,
  layout: 'yolov8',
  labels: ['valve', null, "worker's hut [old]"],
  input: { width: 640, height: 480 },
  colors: 'rgb',
  scale: '0-1',
  mean: [0, 0, 0],
  std: [1, 1, 1],
  fit: 'center',
  fill: 114,
  score_min: 0.25,
  nms: { iou: 0.7, across_labels: false },
  sha256: 'ab'.repeat(32),
  bytes: 12_345,
  license: null,
  description: 'Ultralytics YOLOv8n model',
};

const changed = (field: string, value: unknown) => JSON.stringify({ ...SIDECAR, [field]: value });

describe('detector.json', () => {
  test('is written for people, and read back as it was', () => {
    const text = writeSidecar(SIDECAR);
    expect(text).toContain('"mean": [0, 0, 0],');
    expect(text).toContain('"labels": ["valve", null, "worker\'s hut [old]"],');
    expect(text).toContain('"nms": { "iou": 0.7, "across_labels": false },');
    const many = { ...SIDECAR, labels: Array.from({ length: 80 }, (_, index) => `label, ${index}`) };
    expect(writeSidecar(many).split('\n')).toHaveLength(text.split('\n').length + 81);
    expect(parseSidecar(writeSidecar(many))).toEqual(many);
    expect(parseSidecar(text)).toEqual(SIDECAR);
  });

  test.each<[text: string, sentence: string]>([
    ['{', "detector.json is not valid JSON: Expected property name or '}' in JSON"],
    ['[]', 'detector.json: the document: expected object; it is [].'],
    [changed('layout', 'yolov3'), 'detector.json: layout must be one of yolov8, yolov8-seg'],
    [changed('labels', 'cat'), 'detector.json: labels: expected a list of labels; it is "cat".'],
    [changed('labels', ['cat', '']), 'detector.json: labels.1: expected a label, or null for a class without a name; it is "".'],
    [changed('labels', [null, null]), 'detector.json: labels: expected at least one label; it is [null,null].'],
    [changed('labels', []), 'detector.json: labels: expected at least one label; it is [].'],
    [changed('labels', ['a\u202eb']), 'detector.json: labels.0: expected a label without control characters; it is "a b".'],
    [
      changed('input', { width: 10, height: 640 }),
      'detector.json: input.width: expected a whole number from 32 to 4096; it is 10.',
    ],
    [changed('nms', undefined), 'detector.json: nms: expected object; it is missing.'],
    [changed('input', { width: 640 }), 'detector.json: input.height: expected a whole number from 32 to 4096; it is missing.'],
    [changed('colors', 'cmyk'), 'detector.json: colors must be one of rgb, bgr; it is "cmyk".'],
    [changed('mean', [1, 2]), 'detector.json: mean: expected three numbers, one for each color; it is [1,2].'],
    [changed('std', [1, 0, 1]), 'detector.json: std.1: expected a number from 0.000001 to 1000; it is 0.'],
    [changed('score_min', '0.3'), 'detector.json: score_min: expected a number from 0.01 to 0.99; it is "0.3".'],
    [changed('nms', { iou: 7, across_labels: false }), 'detector.json: nms.iou: expected a number from 0.05 to 1; it is 7.'],
    [changed('nms', { iou: 0.5, across_labels: false, top_k: 3 }), 'detector.json has an unknown field: nms.top_k.'],
    [changed('confidence', 0.3), 'detector.json has an unknown field: confidence. It may have version, layout, labels'],
    [changed('version', 2), 'detector.json: version must be one of 1; it is 2.'],
  ])('%s is refused with the field, what was expected and what came', (text, sentence) => {
    expect(() => parseSidecar(text)).toThrow(
      expect.objectContaining({ name: 'UserError', message: expect.stringContaining(sentence) }),
    );
  });
});

test.each(['['.repeat(100_000) + ']'.repeat(100_000), `{"version":1,"layout":${'['.repeat(100_000)}${']'.repeat(100_000)}}`])(
  'a document of too many levels is a sentence',
  (text) => {
    expect(() => parseSidecar(text)).toThrow(/^detector\.json: .*it is a list of too many levels\.$/);
  },
);

describe('the scale of the merge', () => {
  test('begins where the model is sure enough', () => {
    expect(mergeScore(0.25, SIDECAR)).toBeCloseTo(MIN_SCORE_DEFAULT);
    expect(mergeScore(1, SIDECAR)).toBeCloseTo(1);
    expect(mergeScore(0.625, SIDECAR)).toBeCloseTo(0.7);
    expect(mergeScore(0, SIDECAR)).toBe(0);
    expect(mergeScore(0.4, { ...SIDECAR, score_min: 0.4 })).toBeCloseTo(0.4);
  });

  test('leads back to the scale of the model', () => {
    for (let score = 0; score <= 1; score += 0.05) expect(modelScore(mergeScore(score, SIDECAR), SIDECAR)).toBeCloseTo(score);
  });
});
