// How each family reports what a small detector found: the outputs of detector-files.ts.
import type { Element, OnnxValue } from '../../models/onnx-file.ts';
import type { LayoutName } from '../../pipeline/vision/detectors/layouts.ts';
import { ANGLE, type DetectorWriter, type FoundObject, INPUT, LABELS } from './detector-graph.ts';

interface Made {
  name: string;
  tensor: string;
  shape: OnnxValue['shape'];
  element?: Element;
}

interface Form {
  inputs: readonly string[];
  encode(writer: DetectorWriter, objects: FoundObject[]): Made[];
}

const cells = (...strides: number[]) =>
  strides.reduce((sum, stride) => sum + Math.ceil(INPUT.width / stride) * Math.ceil(INPUT.height / stride), 0);
const CELLS = cells(8, 16, 32);
const LEAST = -30; // a logarithm of nothing
const logit = (score: number) => Math.log(score / (1 - score));
const centered = ({ box }: FoundObject) => [box.x, box.y, box.width, box.height];
const edges = ({ box }: FoundObject) => [box.left, box.top, box.right, box.bottom];

/** [1, rows, N], as the columns of v8. */
function columnsOf(writer: DetectorWriter, objects: FoundObject[], extra: (object: FoundObject) => string[]): string {
  const rows = objects.map((object): [number, string[]] => [
    100 + 7 * object.label,
    [...centered(object), ...writer.classes(object), ...extra(object)],
  ]);
  const columns = rows[0]?.[1].length ?? 0;
  return writer.graph.transpose(writer.table(new Map(rows), CELLS, columns), [0, 2, 1]);
}

function rowsOf(
  writer: DetectorWriter,
  objects: FoundObject[],
  count: number,
  row: (object: FoundObject) => string[],
): { tensor: string; shape: number[] } {
  const rows = objects.map((object): [number, string[]] => [3 + 11 * object.label, row(object)]);
  const columns = rows[0]?.[1].length ?? 0;
  return { tensor: writer.table(new Map(rows), count, columns), shape: [1, count, columns] };
}

/** The coefficients of the object's mask: its own prototype alone, or all of them 0. */
const coefficients = (writer: DetectorWriter, { label }: FoundObject) =>
  Array.from({ length: 32 }, (_, mask) => writer.value(mask === label ? 1 : 0));

/** [1, 32, H/4, W/4]: the first two are positive where an object covers most of a sample. */
function prototypes(writer: DetectorWriter, objects: FoundObject[]): Made {
  const samples = objects.map(({ plane }) =>
    writer.plus(writer.graph.add('AveragePool', [plane], { kernel_shape: [4, 4], strides: [4, 4] }), -0.5),
  );
  const [rows, columns] = [INPUT.height / 4, INPUT.width / 4];
  const unused = writer.reshape(writer.graph.float32s(Array.from({ length: 30 * rows * columns }, () => 0)), [
    1,
    30,
    rows,
    columns,
  ]);
  const tensor = writer.graph.add('Concat', [...samples, unused], { axis: 1 });
  return { name: 'output1', tensor, shape: [1, 32, rows, columns] };
}

/** A distance of `stride` times the mean of 8 bins: part of the weight in the first and part in the last. */
function distribution(writer: DetectorWriter, distance: string, stride: number): string[] {
  const share = writer.times(distance, 1 / (7 * stride));
  const rest = writer.plus(writer.times(share, -1), 1);
  return [writer.log(rest), ...Array.from({ length: 6 }, () => writer.value(LEAST)), writer.log(share)];
}

/** The distances of both objects from the same cell, which is in the middle of the input. */
function fromCell(writer: DetectorWriter, { box }: FoundObject, x: number, y: number, stride: number): string[] {
  const before = (edge: string, from: number) => writer.plus(writer.times(edge, -1), from);
  const distances = [before(box.left, x), before(box.top, y), writer.plus(box.right, -x), writer.plus(box.bottom, -y)];
  return distances.flatMap((distance) => distribution(writer, distance, stride));
}

function v8(extra: (writer: DetectorWriter, object: FoundObject) => string[], hasMasks = false): Form {
  return {
    inputs: ['images'],
    encode(writer, objects) {
      const rows = 4 + LABELS.length + (hasMasks ? 32 : extra(writer, objects[0] as FoundObject).length);
      const tensor = columnsOf(writer, objects, (object) => (hasMasks ? coefficients(writer, object) : extra(writer, object)));
      const first: Made = { name: 'output0', tensor, shape: [1, rows, CELLS] };
      return hasMasks ? [first, prototypes(writer, objects)] : [first];
    },
  };
}

function rowForm(
  name: string,
  count: number,
  row: (writer: DetectorWriter, object: FoundObject) => string[],
  { inputs = ['images'], hasMasks = false } = {},
): Form {
  return {
    inputs,
    encode(writer, objects) {
      const first = { name, ...rowsOf(writer, objects, count, (object) => row(writer, object)) };
      return hasMasks ? [first, prototypes(writer, objects)] : [first];
    },
  };
}

const objectness = (writer: DetectorWriter, object: FoundObject) => [
  ...centered(object),
  writer.value(0.96),
  ...LABELS.map((_, index) => writer.value(index === object.label ? object.score / 0.96 : 0)),
];
const scored = (writer: DetectorWriter, { score, label }: FoundObject) => [writer.value(score), writer.value(label)];
const fractions = (writer: DetectorWriter, { box }: FoundObject) => [
  writer.times(box.x, 1 / INPUT.width),
  writer.times(box.y, 1 / INPUT.height),
  writer.times(box.width, 1 / INPUT.width),
  writer.times(box.height, 1 / INPUT.height),
];

/** Logits and boxes of 20 queries, in two outputs. */
function queries(
  names: { inputs: string[]; logits: string; boxes: string },
  logits: (writer: DetectorWriter, object: FoundObject) => string[],
): Form {
  return {
    inputs: names.inputs,
    encode(writer, objects) {
      const scores = objects.map((object): [number, string[]] => [3 + 11 * object.label, logits(writer, object)]);
      const columns = scores[0]?.[1].length ?? 0;
      const boxes = rowsOf(writer, objects, 20, (object) => fractions(writer, object));
      const made = [
        { name: names.logits, tensor: writer.table(new Map(scores), 20, columns, LEAST), shape: [1, 20, columns] },
        { name: names.boxes, ...boxes },
      ];
      return names.boxes === 'dets' ? made.reverse() : made;
    },
  };
}

const sigmoidLogits = (writer: DetectorWriter, { label, score }: FoundObject) =>
  LABELS.map((_, index) => writer.value(index === label ? logit(score) : LEAST));

/** Rows of class, score and edges, and their number. */
function paddle(inputs: string[]): Form {
  return {
    inputs,
    encode(writer, objects) {
      const rows = objects.map((object): [number, string[]] => [
        object.label,
        [writer.value(object.label), writer.value(object.score), ...edges(object)],
      ]);
      const tensor = writer.reshape(writer.table(new Map(rows), 2, 6), [2, 6]);
      // Boxes come in the pixels of an image that the input was scaled from.
      writer.graph.add('Gather', [writer.reshape('scale_factor', [2]), writer.graph.int64s([1, 0])], {}, 'scale_xy');
      const scale = writer.reshape(
        writer.graph.add('Concat', [writer.value(1), writer.value(1), 'scale_xy', 'scale_xy'], { axis: 0 }),
        [1, 6],
      );
      return [
        { name: 'multiclass_nms3_0.tmp_0', tensor: writer.graph.add('Div', [tensor, scale], {}), shape: ['n', 6] },
        {
          name: 'multiclass_nms3_0.tmp_2',
          tensor: writer.graph.add('Cast', [writer.value(2)], { to: 6 }),
          shape: [1],
          element: 'int32',
        },
      ];
    },
  };
}

export const FORMS: Record<LayoutName, Form> = {
  yolov8: v8(() => []),
  'yolov8-seg': v8(() => [], true),
  'yolov8-obb': v8((writer) => [writer.value(ANGLE)]),
  yolov5: rowForm('output0', 3 * CELLS, objectness),
  'yolov5-seg': rowForm(
    'output0',
    3 * CELLS,
    (writer, object) => [...objectness(writer, object), ...coefficients(writer, object)],
    {
      hasMasks: true,
    },
  ),
  'yolo-end2end': rowForm('output0', 300, (writer, object) => [...edges(object), ...scored(writer, object)]),
  'yolo-end2end-seg': rowForm(
    'output0',
    300,
    (writer, object) => [...edges(object), ...scored(writer, object), ...coefficients(writer, object)],
    { hasMasks: true },
  ),
  'yolo-end2end-obb': rowForm('output0', 300, (writer, object) => [
    ...centered(object),
    ...scored(writer, object),
    writer.value(ANGLE),
  ]),
  yolox: rowForm('output', CELLS, (writer, object) => {
    // Rows 3 and 14 are cells of the first line of the finest grid.
    const column = 3 + 11 * object.label;
    const { x, y, width, height } = object.box;
    return [
      writer.plus(writer.times(x, 1 / 8), -column),
      writer.times(y, 1 / 8),
      writer.log(writer.times(width, 1 / 8)),
      writer.log(writer.times(height, 1 / 8)),
      ...objectness(writer, object).slice(4),
    ];
  }),
  rtdetr: {
    inputs: ['images', 'orig_target_sizes'],
    encode(writer, objects) {
      const { graph } = writer;
      const sizes = graph.add('Cast', ['orig_target_sizes'], { to: 1 }, 'sizes');
      const fractional = rowsOf(writer, objects, 20, ({ box }) =>
        [box.left, box.top, box.right, box.bottom].map((edge, index) =>
          writer.times(edge, 1 / (index % 2 === 0 ? INPUT.width : INPUT.height)),
        ),
      );
      const scale = writer.reshape(graph.add('Concat', [sizes, sizes], { axis: 1 }), [1, 1, 4]);
      const labels = rowsOf(writer, objects, 20, ({ label }) => [writer.value(label)]);
      const scores = rowsOf(writer, objects, 20, ({ score }) => [writer.value(score)]);
      const flat = (tensor: string) => writer.reshape(tensor, [1, 20]);
      return [
        { name: 'labels', tensor: graph.add('Cast', [flat(labels.tensor)], { to: 7 }), shape: [1, 20], element: 'int64' },
        { name: 'boxes', tensor: graph.add('Mul', [fractional.tensor, scale], {}), shape: [1, 20, 4] },
        { name: 'scores', tensor: flat(scores.tensor), shape: [1, 20] },
      ];
    },
  },
  'rtdetr-ultralytics': rowForm('output0', 300, (writer, object) => [...fractions(writer, object), ...writer.classes(object)]),
  'rtdetr-hf': queries({ inputs: ['pixel_values'], logits: 'logits', boxes: 'pred_boxes' }, sigmoidLogits),
  detr: queries({ inputs: ['pixel_values', 'pixel_mask'], logits: 'logits', boxes: 'pred_boxes' }, (writer, { label, score }) => [
    ...LABELS.map((_, index) => writer.value(index === label ? Math.log(score) : LEAST)),
    writer.value(Math.log(1 - score)),
  ]),
  rfdetr: queries({ inputs: ['input'], logits: 'labels', boxes: 'dets' }, (writer, object) => [
    ...sigmoidLogits(writer, object),
    writer.value(LEAST),
  ]),
  // The cell in the middle of the input: row 4 and column 5 of the grid of 32 px.
  nanodet: {
    inputs: ['data'],
    encode(writer, objects) {
      const [outer, inner] = objects as [FoundObject, FoundObject];
      const outputs: { scores: string; distances: string; count: number }[] = [8, 16, 32].map((stride) => {
        const isCoarse = stride === 32;
        const count = cells(stride);
        const place = (column: number) => 4 * (INPUT.width / 32) + column;
        const row = (object: FoundObject, column: number) => fromCell(writer, object, (column + 0.5) * 32, 4.5 * 32, 32);
        const at = (values: (object: FoundObject, column: number) => string[]) =>
          new Map(isCoarse ? [[place(4), values(outer, 4)] as const, [place(5), values(inner, 5)] as const] : []);
        return {
          count,
          scores: writer.table(
            at((object) => writer.classes(object)),
            count,
            LABELS.length,
          ),
          distances: writer.table(at(row), count, 32),
        };
      });
      return [
        ...outputs.map(({ scores, count }) => ({ name: `cls_pred_${count}`, tensor: scores, shape: [1, count, LABELS.length] })),
        ...outputs.map(({ distances, count }) => ({ name: `dis_pred_${count}`, tensor: distances, shape: [1, count, 32] })),
      ];
    },
  },
  'nanodet-plus': {
    inputs: ['data'],
    encode(writer, objects) {
      const [outer, inner] = objects as [FoundObject, FoundObject];
      const first = cells(8, 16) + 4 * (INPUT.width / 32);
      const row = (object: FoundObject, column: number) => [
        ...writer.classes(object),
        ...fromCell(writer, object, column * 32, 4 * 32, 32),
      ];
      const rows = new Map([
        [first + 4, row(outer, 4)],
        [first + 5, row(inner, 5)],
      ]);
      const count = cells(8, 16, 32, 64);
      return [{ name: 'output', tensor: writer.table(rows, count, LABELS.length + 32), shape: [1, count, LABELS.length + 32] }];
    },
  },
  picodet: paddle(['image', 'scale_factor']),
  'rtdetr-paddle': paddle(['image', 'im_shape', 'scale_factor']),
};
