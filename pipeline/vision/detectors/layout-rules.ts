// Which layouts the inputs and outputs of a model fit, and how many classes each then has. A name decides before a shape does; a DETR is
// never recognized by its shapes alone. Pure.
import type { LayoutName } from './layouts.ts';
import type { Dimension, ModelValue, OnnxModel } from './onnx-model.ts';

export interface Fit {
  layout: LayoutName;
  /** `null` if no output has one entry for each class. */
  classes: number | null;
  by: 'metadata' | 'names' | 'shapes';
}

/** `task` of an Ultralytics export; `null` if the metadata has none. */
export interface ModelShapes {
  inputs: OnnxModel['inputs'];
  outputs: OnnxModel['outputs'];
  /** In pixels; `null` if the file leaves it open. */
  edge: { width: number; height: number } | null;
  task: string | null;
  description: string | null;
}

const MASKS = 32; // prototypes of a -seg model
const BINS = [8, 11]; // of NanoDet's distances: reg_max 7, or 10 in NanoDet-g
const QUERIES_MAX = 1_000;
const STRIDES = [8, 16, 32] as const;
const WITH_64 = [8, 16, 32, 64] as const;
const WITH_4 = [4, 8, 16, 32] as const;
const TASKS = ['detect', 'segment', 'obb'];

/** The tasks of Ultralytics exports that detect. */
export function isDetection(task: string): boolean {
  return TASKS.includes(task);
}

/** All fits, those by metadata or names first. */
export function fitsOf(model: ModelShapes): Fit[] {
  const named = fitsByNames(model);
  if (named.length > 0) return named;
  const shaped = fitsByShapes(model);
  if (model.task === null) return shaped;
  return shaped
    .filter(({ layout }) => model.task === taskOf(layout))
    .map(({ layout, classes }) => ({
      layout,
      classes,
      by: 'metadata',
    }));
}

function taskOf(layout: LayoutName): string {
  if (layout.endsWith('-seg')) return 'segment';
  return layout.endsWith('-obb') ? 'obb' : 'detect';
}

function fitsByNames(model: ModelShapes): Fit[] {
  const has = (values: readonly ModelValue[], ...names: string[]) =>
    names.every((name) => values.some((value) => value.name === name));
  const last = (name: string) => sizeOf(model.outputs.find((output) => output.name === name)?.shape?.at(-1));
  if (has(model.inputs, 'scale_factor', 'im_shape')) return [{ layout: 'rtdetr-paddle', classes: null, by: 'names' }];
  if (has(model.inputs, 'scale_factor')) return [{ layout: 'picodet', classes: null, by: 'names' }];
  if (has(model.inputs, 'orig_target_sizes') && has(model.outputs, 'labels', 'boxes', 'scores')) {
    return [{ layout: 'rtdetr', classes: null, by: 'names' }];
  }
  if (has(model.outputs, 'logits', 'pred_boxes')) return huggingFaceFits(last('logits'));
  if (has(model.outputs, 'dets', 'labels') && last('dets') === 4)
    return [{ layout: 'rfdetr', classes: last('labels'), by: 'names' }];
  if (model.outputs.length === 6) return distanceMapFits(model.outputs);
  return oneOutputFits(model);
}

/** The scores of DETR are a softmax over all classes and "no object", those of its successors are sigmoids: 92 is 91 and "no object". */
function huggingFaceFits(columns: number | null): Fit[] {
  const sigmoid: Fit = { layout: 'rtdetr-hf', classes: columns, by: 'names' };
  if (columns === null) return [sigmoid];
  return [sigmoid, { layout: 'detr', classes: columns - 1, by: 'names' }];
}

/** Three maps of scores and three of distances, which have 4 x bins columns. */
function distanceMapFits(outputs: readonly ModelValue[]): Fit[] {
  const columns = outputs.map(({ shape }) => (shape?.length === 3 ? sizeOf(shape[2]) : null));
  const distances = columns.filter((size) => size !== null && BINS.some((bins) => 4 * bins === size));
  const [classes] = columns.filter((size) => size !== null && size !== distances[0]);
  const scores = columns.filter((size) => size === classes);
  const isFit = classes !== undefined && distances.length === 3 && scores.length === 3;
  return isFit ? [{ layout: 'nanodet', classes, by: 'names' }] : [];
}

/** YOLOX and NanoDet have the same shapes as each other and as YOLOv6; their exporters use these names. */
function oneOutputFits(model: ModelShapes): Fit[] {
  const [input, output] = [model.inputs[0], model.outputs[0]];
  if (model.task !== null || model.outputs.length !== 1 || output?.name !== 'output') return [];
  const fits = fitsByShapes(model).filter(({ layout }) =>
    input?.name === 'data' ? layout.startsWith('nanodet') : input?.name === 'images' && layout === 'yolox',
  );
  return fits.map(({ layout, classes }) => ({ layout, classes, by: 'names' }));
}

/** Every layout whose shapes these are, without regard to names. */
export function fitsByShapes({ outputs, edge, task, description }: ModelShapes): Fit[] {
  const shape = outputs[0]?.shape;
  if (shape?.length !== 3) return [];
  const [, rows = null, columns = null] = shape;
  const hasMasks = outputs.length === 2 && outputs[1]?.shape?.length === 4;
  // Early YOLOv5 and YOLOv7 also return the maps that their first output is made of.
  if (!hasMasks && outputs.slice(1).some((output) => output.shape?.length !== 5)) return [];
  const found: Fit[] = [];
  const add = (layout: LayoutName, classes: number | null) => {
    if (classes === null || classes > 0) found.push({ layout, classes, by: 'shapes' });
  };
  const [height, width] = [sizeOf(rows), sizeOf(columns)];
  if (description !== null && /rtdetr|rt-detr/i.test(description) && width !== null)
    return [{ layout: 'rtdetr-ultralytics', classes: width - 4, by: 'metadata' }];
  if (width !== null && height !== null && height <= QUERIES_MAX && !isCells(rows, edge)) {
    if (width === 6 && !hasMasks) add('yolo-end2end', null);
    // Without the metadata of its exporter, an RT-DETR with two classes has the same shape.
    if (width === 6 && !hasMasks && task === null && description === null) add('rtdetr-ultralytics', 2);
    if (width === 6 + MASKS && hasMasks) add('yolo-end2end-seg', null);
    if (width === 7 && task === 'obb') add('yolo-end2end-obb', null);
  }
  if (height !== null && isCells(columns, edge)) {
    if (hasMasks) add('yolov8-seg', height - 4 - MASKS);
    else {
      add('yolov8', height - 4);
      add('yolov8-obb', height - 5);
    }
  }
  // YOLOv6 has one candidate for each cell, as YOLOX: only names distinguish them.
  const isYoloRows = isAnchors(rows, edge) || (!hasMasks && isOf(rows, edge, STRIDES, 1));
  if (width !== null && isYoloRows) add(hasMasks ? 'yolov5-seg' : 'yolov5', width - 5 - (hasMasks ? MASKS : 0));
  if (width !== null && !hasMasks && task === null) {
    if (isOf(rows, edge, STRIDES, 1)) add('yolox', width - 5);
    for (const bins of BINS) {
      if (isOf(rows, edge, STRIDES, 1)) add('nanodet', width - 4 * bins);
      if (isOf(rows, edge, WITH_64, 1)) add('nanodet-plus', width - 4 * bins);
    }
  }
  return found;
}

/** One candidate for each cell of the grids. */
function isCells(count: Dimension, edge: ModelShapes['edge']): boolean {
  return [STRIDES, WITH_64, WITH_4].some((strides) => isOf(count, edge, strides, 1));
}

/** Three candidates for each cell. */
function isAnchors(count: Dimension, edge: ModelShapes['edge']): boolean {
  return [STRIDES, WITH_64, WITH_4].some((strides) => isOf(count, edge, strides, 3));
}

/** An open count fits an open size. */
function isOf(count: Dimension, edge: ModelShapes['edge'], strides: readonly number[], anchors: number): boolean {
  if (typeof count !== 'number') return edge === null;
  if (edge === null) return false;
  const cells = strides.map((stride) => Math.ceil(edge.width / stride) * Math.ceil(edge.height / stride));
  return count === anchors * cells.reduce((sum, size) => sum + size, 0);
}

function sizeOf(dimension: Dimension | undefined): number | null {
  return typeof dimension === 'number' ? dimension : null;
}
