// What a file states about itself becomes a sidecar, or a sentence that names the field to set.
import { describe, expect, test } from 'vitest';
import { namesInMetadata, parseLabels } from '../../../pipeline/vision/detectors/class-labels.ts';
import { LayoutName } from '../../../pipeline/vision/detectors/layouts.ts';
import type { Dimension, ModelValue, OnnxModel } from '../../../pipeline/vision/detectors/onnx-model.ts';
import { readOnnxModel } from '../../../pipeline/vision/detectors/onnx-model.ts';
import { type Given, recognize } from '../../../pipeline/vision/detectors/recognize.ts';
import { detectorFile } from '../../support/detector-files.ts';

const FILE = { sha256: 'a'.repeat(64), bytes: 1_000 };
/** As ultralytics 8.3 writes it. */
const ULTRALYTICS = {
  description: 'Ultralytics YOLOv8n model trained on valves.yaml',
  author: 'Ultralytics',
  date: '2026-03-01T10:00:00',
  version: '8.3.40',
  license: 'AGPL-3.0 License (https://ultralytics.com/license)',
  stride: '32',
  task: 'detect',
  batch: '1',
  imgsz: '[480, 640]',
  names: `{0: 'valve', 1: "worker's hut", 2: 'caf\\u00e9'}`,
  args: "{'batch': 1, 'half': False, 'dynamic': True, 'simplify': True, 'opset': None, 'nms': False}",
};

function value(name: string, shape: Dimension[] | null, element = 'float32'): ModelValue {
  return { name, element, shape };
}

interface Shapes {
  inputs?: ModelValue[];
  outputs: ModelValue[];
  metadata?: Record<string, string>;
  customOperators?: string[];
  externalWeight?: string;
}

function model({ inputs, outputs, metadata = {}, customOperators = [], externalWeight }: Shapes): OnnxModel {
  return {
    inputs: inputs ?? [value('images', [1, 3, 640, 640])],
    outputs,
    metadata: new Map(Object.entries(metadata)),
    customOperators,
    externalWeight: externalWeight ?? null,
  };
}

const described = (shapes: Shapes, given?: Given) => recognize(model(shapes), FILE, given);
const layoutOf = (shapes: Shapes, given?: Given) => described(shapes, given).sidecar.layout;
const labels = (count: number) => Array.from({ length: count }, (_, index) => `class ${index}`);

describe('an Ultralytics export', () => {
  test('states its labels, size, license and layout', () => {
    const bytes = detectorFile('yolov8', {
      metadata: ULTRALYTICS,
      declared: { input: ['batch', 3, 'height', 'width'], outputs: [['batch', 7, 'anchors']] },
    });
    const { sidecar, notes } = recognize(readOnnxModel(bytes), FILE);
    expect(sidecar).toMatchObject({
      layout: 'yolov8',
      labels: ['valve', "worker's hut", 'café'],
      input: { width: 640, height: 480 },
      license: ULTRALYTICS.license,
      description: ULTRALYTICS.description,
      nms: { iou: 0.7, across_labels: false },
    });
    expect(notes).toEqual([
      'The layout is yolov8, by its metadata.',
      'The file leaves the size of its input open: it gets 640 x 480 px. Set input to change that.',
    ]);
  });

  test.each<[task: string, outputs: ModelValue[], names: number, layout: LayoutName]>([
    ['detect', [value('output0', [1, 84, 8_400])], 80, 'yolov8'],
    ['detect', [value('output0', [1, 300, 6])], 80, 'yolo-end2end'],
    ['segment', [value('output0', [1, 116, 8_400]), value('output1', [1, 32, 160, 160])], 80, 'yolov8-seg'],
    ['segment', [value('output0', [1, 300, 38]), value('output1', [1, 32, 160, 160])], 80, 'yolo-end2end-seg'],
    ['obb', [value('output0', [1, 20, 8_400])], 15, 'yolov8-obb'],
    ['obb', [value('output0', [1, 300, 7])], 15, 'yolo-end2end-obb'],
    ['detect', [value('output0', [1, 5, 8_400])], 1, 'yolov8'],
  ])('for the task %s with %j is recognized', (task, outputs, names, layout) => {
    const metadata = { ...ULTRALYTICS, task, names: `{${labels(names).map((name, index) => `${index}: '${name}'`)}}` };
    expect(layoutOf({ outputs, metadata })).toBe(layout);
  });

  test('of YOLOv5 has no task', () => {
    const metadata = { stride: '32', names: "['a', 'b', 'c']" };
    expect(layoutOf({ outputs: [value('output0', [1, 25_200, 8])], metadata })).toBe('yolov5');
    const masks = [value('output0', [1, 25_200, 40]), value('output1', [1, 32, 160, 160])];
    expect(layoutOf({ outputs: masks, metadata })).toBe('yolov5-seg');
  });

  test('of RT-DETR has boxes and scores in one output', () => {
    const metadata = { ...ULTRALYTICS, description: 'Ultralytics rtdetr-l model' };
    expect(layoutOf({ outputs: [value('output0', [1, 300, 7])], metadata })).toBe('rtdetr-ultralytics');
  });

  test('for another task is refused', () => {
    expect(() => described({ outputs: [value('output0', [1, 56, 8_400])], metadata: { ...ULTRALYTICS, task: 'pose' } })).toThrow(
      'The model is for the task pose. Expected detect, segment or obb.',
    );
  });
});

describe('without metadata', () => {
  test.each<[shapes: Shapes, given: Given, layout: LayoutName]>([
    [{ outputs: [value('output', [1, 8_400, 85])] }, {}, 'yolox'],
    [{ outputs: [value('output0', [1, 84, 8_400])] }, {}, 'yolov8'],
    [{ outputs: [value('output0', [1, 20, 8_400])] }, { labels: labels(16) }, 'yolov8'],
    [{ outputs: [value('output0', [1, 20, 8_400])] }, { labels: labels(15) }, 'yolov8-obb'],
    [{ outputs: [value('output', [1, 25_200, 85])] }, {}, 'yolov5'],
    [
      { outputs: [value('output', [1, 25_200, 85]), value('345', [1, 3, 80, 80, 85]), value('403', [1, 3, 40, 40, 85])] },
      {},
      'yolov5',
    ],
    [{ outputs: [value('detections', [1, 300, 6])] }, { labels: labels(3) }, 'yolo-end2end'],
    [{ inputs: [value('data', [1, 3, 416, 416])], outputs: [value('output', [1, 3_598, 112])] }, {}, 'nanodet-plus'],
    [{ inputs: [value('data', [1, 3, 320, 320])], outputs: [value('output', [1, 2_100, 112])] }, {}, 'nanodet'],
    [{ outputs: [value('logits', [1, 300, 80]), value('pred_boxes', [1, 300, 4])] }, {}, 'rtdetr-hf'],
    [{ outputs: [value('logits', [1, 100, 92]), value('pred_boxes', [1, 100, 4])] }, {}, 'detr'],
    [{ outputs: [value('logits', [1, 100, 4]), value('pred_boxes', [1, 100, 4])] }, { labels: labels(3) }, 'detr'],
    [{ outputs: [value('logits', [1, 100, 4]), value('pred_boxes', [1, 100, 4])] }, { labels: labels(4) }, 'rtdetr-hf'],
    [{ outputs: [value('dets', [1, 300, 4]), value('labels', [1, 300, 91])] }, {}, 'rfdetr'],
    [
      { inputs: [value('image', [null, 3, 320, 320]), value('scale_factor', [null, 2])], outputs: [value('x', [null, 6])] },
      { labels: labels(3) },
      'picodet',
    ],
    [{ outputs: [value('dets', [1, 300, 4]), value('labels', [1, 300, 4])] }, { labels: labels(3) }, 'rfdetr'],
  ])('%j with %j is recognized', (shapes, given, layout) => {
    expect(layoutOf(shapes, given)).toBe(layout);
  });

  test('a transformer is recognized by its names, never by its shapes', () => {
    const outputs = [value('a', [1, 300, 80]), value('b', [1, 300, 4])];
    expect(() => described({ outputs })).toThrow('No known layout has the inputs images float32 [1, 3, 640, 640]');
    expect(layoutOf({ outputs }, { layout: 'rtdetr-hf', labels: labels(80) })).toBe('rtdetr-hf');
  });

  test.each<[shapes: ModelValue[], count: number, note: string]>([
    [[value('output0', [1, 7, 8_400])], 2, 'it would be yolov8 with 3.'],
    [[value('output0', [1, 7, 8_400])], 3, 'it would be yolov8-obb with 2.'],
    [[value('logits', [1, 100, 4]), value('pred_boxes', [1, 100, 4])], 4, 'it would be detr with 3.'],
    [[value('logits', [1, 100, 4]), value('pred_boxes', [1, 100, 4])], 3, 'it would be rtdetr-hf with 4.'],
  ])('%j with %i labels has a note on the layout that another number would mean', (outputs, count, note) => {
    expect(described({ outputs }, { labels: labels(count) }).notes[1]).toBe(
      `The number of labels decides this: ${note} Set layout or labels if that is right.`,
    );
  });

  test('a class without a label is noted', () => {
    const outputs = [value('dets', [1, 300, 4]), value('labels', [1, 300, 4])];
    expect(described({ outputs }, { labels: labels(3) }).notes).toContain(
      'The model has 4 classes, one more than labels: the last one is taken as unused. Correct labels if one is missing.',
    );
    expect(described({ outputs }, { labels: labels(4) }).notes).toHaveLength(1);
  });

  test('80 classes are those of COCO, which a note states', () => {
    const { sidecar, notes } = described({ outputs: [value('output', [1, 8_400, 85])] });
    expect(sidecar.labels).toHaveLength(80);
    expect(sidecar.labels[79]).toBe('toothbrush');
    expect(notes[1]).toBe('The file does not name its 80 classes: they are taken for those of COCO. Set labels if they differ.');
  });

  test('91 classes are the numbers of COCO, which have gaps', () => {
    const { sidecar } = described({ outputs: [value('dets', [1, 300, 4]), value('labels', [1, 300, 91])] });
    expect(sidecar.labels).toHaveLength(91);
    expect([0, 1, 12, 13, 27, 90].map((number) => sidecar.labels[number])).toEqual([
      ...[null, 'person', null, 'stop sign', 'backpack', 'toothbrush'],
    ]);
    expect(sidecar.mean).toEqual([0.485, 0.456, 0.406]);
  });
});

describe('a sentence says what was read and what to set, if', () => {
  const outputs = [value('output0', [1, 84, 8_400])];
  const cases: [kind: string, shapes: Shapes, given: Given, sentence: string][] = [
    [
      'several layouts fit',
      { inputs: [value('images', ['batch', 3, 'h', 'w'])], outputs: [value('y', ['batch', 'n', 9])] },
      { labels: labels(4) },
      'The outputs y float32 [batch, n, 9] fit several layouts. Set layout to yolov5 or yolox.',
    ],
    [
      'YOLOX and YOLOv6 cannot be told apart',
      { outputs: [value('outputs', [1, 8_400, 85])] },
      {},
      'The outputs outputs float32 [1, 8400, 85] fit several layouts. Set layout to yolov5 or yolox.',
    ],
    [
      'a model has names without end, which control a terminal',
      {
        inputs: [value('\u001b[2J'.repeat(1_000), [1, 3, 640, 640])],
        outputs: [
          value(
            'y'.repeat(1_000),
            Array.from({ length: 9 }, () => 'd'.repeat(1_000)),
          ),
        ],
      },
      {},
      `No known layout has the inputs ${' [2J'.repeat(15)}… float32 [1, 3, 640, 640] and the outputs ${'y'.repeat(60)}… float32 [${`${'d'.repeat(60)}…, `.repeat(6)}…]. Set layout to one of ${LayoutName.options.join(', ')}.`,
    ],
    [
      'an end-to-end YOLO and an RT-DETR with two classes cannot be told apart',
      { outputs: [value('output0', [1, 300, 6])] },
      { labels: labels(2) },
      'The outputs output0 float32 [1, 300, 6] fit several layouts. Set layout to yolo-end2end or rtdetr-ultralytics.',
    ],
    [
      'the classes have no names',
      { outputs: [value('output0', [1, 7, 8_400])] },
      {},
      'The file does not name its 3 classes (layout yolov8 or yolov8-obb). Set labels, one for each class.',
    ],
    [
      'the number of labels does not fit',
      { outputs },
      { labels: labels(3) },
      'The outputs output0 float32 [1, 84, 8400] have 80 (yolov8) or 79 (yolov8-obb) classes, but there are 3 labels. Correct labels, or set layout.',
    ],
    [
      'the number of labels does not fit a model for known tasks',
      { outputs, metadata: { ...ULTRALYTICS, names: '{}' } },
      { labels: labels(3) },
      'The outputs output0 float32 [1, 84, 8400] have 80 (yolov8) classes, but there are 3 labels. Correct labels, or set layout.',
    ],
    [
      'the model is in half precision',
      { inputs: [value('images', [1, 3, 640, 640], 'float16')], outputs },
      {},
      'The input images float16 [1, 3, 640, 640] must be float32. Export it without half precision (half=False).',
    ],
    [
      'its batch is fixed',
      { inputs: [value('images', [8, 3, 640, 640])], outputs },
      {},
      'The input images float32 [8, 3, 640, 640] has a fixed batch of 8. Export the model with a batch of 1.',
    ],
    [
      'its planes are last',
      { inputs: [value('x', [1, 640, 640, 3])], outputs },
      {},
      'The input x float32 [1, 640, 640, 3] must have three color planes in its second dimension: [1, 3, height, width].',
    ],
    [
      'its input is too large',
      { inputs: [value('x', [1, 3, 640, 8_192])], outputs: [value('y', [1, 300, 6])] },
      { labels: labels(3) },
      'detector.json: input.width: expected a whole number from 32 to 4096; it is 8192.',
    ],
    [
      'it needs operators of its own',
      { outputs, customOperators: ['TRT.EfficientNMS_TRT'] },
      {},
      'The model needs operators that onnxruntime does not have: TRT.EfficientNMS_TRT. Export it without plugins for other runtimes.',
    ],
    [
      'weights are in another file',
      { outputs, externalWeight: 'conv1.weight' },
      {},
      'The weight conv1.weight of the model is stored in another file (external data). Export the model as a single file.',
    ],
    [
      'it takes several images',
      { inputs: [value('a', [1, 3, 9, 9]), value('b', [1, 3, 9, 9])], outputs },
      {},
      'Expected one image as input, with the shape [1, 3, height, width]; the inputs are a float32 [1, 3, 9, 9] and b float32 [1, 3, 9, 9].',
    ],
  ];
  test.each(cases)('%s', (_, shapes, given, sentence) => {
    expect(() => described(shapes, given)).toThrow(expect.objectContaining({ name: 'UserError', message: sentence }));
  });
});

describe('a file of labels', () => {
  test.each<[text: string, expected: (string | null)[]]>([
    ['cat\ndog\n\n', ['cat', 'dog']],
    ['cat\r\n dog ', ['cat', 'dog']],
    ['["cat", null, "dog"]', ['cat', null, 'dog']],
    ['{"0": "cat", "2": "dog"}', ['cat', null, 'dog']],
    ['{"model_type": "d_fine", "id2label": {"0": "cat", "1": "dog"}}', ['cat', 'dog']],
    ['cat\u202e\ndog\u001b[2J', ['cat', 'dog [2J']],
  ])('%j gives its labels', (text, expected) => {
    expect(parseLabels(text)).toEqual(expected);
  });

  test.each(['', '\n\n', '{"a": "b"}', '{"0": ', '{"999999": "x"}', '[]', '{"-1": "x"}'])(
    '%j is refused with a sentence',
    (text) => {
      expect(() => parseLabels(text)).toThrow(expect.objectContaining({ name: 'UserError' }));
    },
  );
});

describe('labels from a file of any size', () => {
  const numbered = `{${Array.from({ length: 200_000 }, (_, index) => `"${index}":"a"`).join(',')}}`;

  test('are a sentence if there are too many', () => {
    expect(() => parseLabels(numbered)).toThrow('The model has 200000 labels. At most 10000 are possible.');
    expect(() => namesInMetadata(numbered)).toThrow('The model has 200000 labels. At most 10000 are possible.');
  });

  test('are a sentence if the file is not text', () => {
    expect(() => parseLabels('a\0b\n')).toThrow('The file of labels is not text. Expected one label a line, or a JSON list.');
  });
});
