// Recognizes the layout of a detector and writes its sidecar: from metadata first, then names, then shapes. What it cannot decide, it
// refuses with what it read and the field that decides.
import { UserError } from '../../contract/errors.ts';
import { printable } from '../../contract/printable.ts';
import { type ClassLabels, namesInMetadata, usualLabels } from './class-labels.ts';
import { type Fit, fitsByShapes, fitsOf, isDetection, type ModelShapes } from './layout-rules.ts';
import { LAYOUTS, type LayoutName } from './layouts.ts';
import { checkedInput, shown } from './model-checks.ts';
import type { ModelValue, OnnxModel } from './onnx-model.ts';
import { pythonLiteral } from './python-literal.ts';
import { checkedSidecar, type Sidecar } from './sidecar.ts';

/** What a user states about a model. It comes before anything that the file states. */
export interface Given {
  layout?: LayoutName;
  labels?: ClassLabels;
}

export interface Recognized {
  sidecar: Sidecar;
  /** How the model was understood, and what was assumed: one sentence each. */
  notes: string[];
}

const SET_LAYOUT = `Set layout to one of ${Object.keys(LAYOUTS).join(', ')}.`;
const GRAY = 114; // of the letterbox of all YOLO
const BY = {
  metadata: 'by its metadata',
  names: 'by the names of its inputs and outputs',
  shapes: 'by the shapes of its outputs',
} as const;

/** Throws a UserError if the model cannot run here, or if its layout or labels are not clear. */
export function recognize(model: OnnxModel, file: { sha256: string; bytes: number }, given: Given = {}): Recognized {
  const image = checkedInput(model);
  const notes: string[] = [];
  const edge = edgeOf(image);
  const named = given.labels ?? namesOf(model);
  const shapes: ModelShapes = {
    inputs: model.inputs,
    outputs: model.outputs,
    edge,
    task: taskOf(model),
    description: model.metadata.get('description') ?? null,
  };
  const { fit, others } = chosenFit(shapes, named, given.layout ?? null);
  notes.push(given.layout === undefined ? `The layout is ${fit.layout}, ${BY[fit.by]}.` : `The layout is ${fit.layout}, as set.`);
  if (others.length > 0) notes.push(decidedByLabels(others));
  const labels = named ?? usualLabels(fit.classes);
  if (labels === null) throw new UserError(namelessClasses([fit]));
  if (named === null)
    notes.push(`The file does not name its ${fit.classes} classes: they are taken for those of COCO. Set labels if they differ.`);
  if (fit.classes !== null && labels.length < fit.classes)
    notes.push(
      `The model has ${fit.classes} classes, one more than labels: the last one is taken as unused. Correct labels if one is missing.`,
    );
  const layout = LAYOUTS[fit.layout];
  const input = edge ?? imgszOf(model) ?? { width: layout.edgePx, height: layout.edgePx };
  if (edge === null)
    notes.push(
      `The file leaves the size of its input open: it gets ${input.width} x ${input.height} px. Set input to change that.`,
    );
  return {
    notes,
    sidecar: checkedSidecar({
      version: 1,
      layout: fit.layout,
      labels: padded(labels, fit.classes),
      input,
      colors: layout.colors,
      scale: layout.scale,
      mean: [...layout.mean],
      std: [...layout.std],
      fit: layout.fit,
      fill: GRAY,
      score_min: layout.scoreMin,
      nms: layout.nmsIou === null ? null : { iou: layout.nmsIou, across_labels: false },
      sha256: file.sha256,
      bytes: file.bytes,
      license: shortText(model.metadata.get('license'), 200),
      description: shortText(model.metadata.get('description'), 500),
    } satisfies Sidecar),
  };
}

/** `others` would fit with another number of labels. */
function chosenFit(shapes: ModelShapes, named: ClassLabels | null, layout: LayoutName | null): { fit: Fit; others: Fit[] } {
  if (shapes.task !== null && !isDetection(shapes.task)) {
    throw new UserError(`The model is for the task ${printable(shapes.task)}. Expected detect, segment or obb.`);
  }
  const possible = fitsOf(shapes);
  const all = layout === null ? possible : setFits(shapes, layout);
  if (all.length === 0) {
    const values = `the inputs ${shown(shapes.inputs)} and the outputs ${shown(shapes.outputs)}`;
    throw new UserError(`No known layout has ${values}. ${SET_LAYOUT}`);
  }
  const fits = named === null ? all.filter(isUsual) : all.filter((fit) => hasClasses(fit, named.length));
  const [fit] = fits;
  if (fit === undefined) throw new UserError(named === null ? namelessClasses(all) : wrongCount(shapes, all, named.length));
  const layouts = [...new Set(fits.map((each) => each.layout))];
  if (layouts.length === 1) {
    const isOther = (other: Fit) => named !== null && fit.classes !== null && other.layout !== fit.layout;
    return { fit, others: all.filter(isOther) };
  }
  throw new UserError(`The outputs ${shown(shapes.outputs)} fit several layouts. Set layout to ${either(layouts)}.`);
}

/** A layout that is set holds even where the shapes are open: a wrong one fails in the first tile. */
function setFits(shapes: ModelShapes, layout: LayoutName): Fit[] {
  const fits = [...fitsOf(shapes), ...fitsByShapes(shapes)].filter((fit) => fit.layout === layout);
  return fits.length > 0 ? fits : [{ layout, classes: null, by: 'shapes' }];
}

/** COCO's labels never decide that boxes are turned: none of its models turns them. */
function isUsual({ layout, classes }: Fit): boolean {
  return usualLabels(classes) !== null && !layout.endsWith('-obb');
}

/** RF-DETR may have one class more than labels, which it does not use. */
function hasClasses({ layout, classes }: Fit, labels: number): boolean {
  return classes === null || classes === labels || (layout === 'rfdetr' && classes === labels + 1);
}

function padded(labels: ClassLabels, classes: number | null): (string | null)[] {
  return classes === labels.length + 1 ? [...labels, null] : [...labels];
}

function namelessClasses(fits: readonly Fit[]): string {
  const [first] = fits;
  const count = first?.classes ? ` ${first.classes}` : '';
  return `The file does not name its${count} classes (layout ${either(fits.map(({ layout }) => layout))}). Set labels, one for each class.`;
}

function decidedByLabels(others: readonly Fit[]): string {
  const counts = either(others.map(({ layout, classes }) => `${layout} with ${classes}`));
  return `The number of labels decides this: it would be ${counts}. Set layout or labels if that is right.`;
}

function wrongCount(shapes: ModelShapes, fits: readonly Fit[], labels: number): string {
  const counts = either(fits.map(({ layout, classes }) => `${classes} (${layout})`));
  return `The outputs ${shown(shapes.outputs)} have ${counts} classes, but there are ${labels} labels. Correct labels, or set layout.`;
}

function either(choices: readonly string[]): string {
  return new Intl.ListFormat('en', { type: 'disjunction' }).format(new Set(choices));
}

/** The first generations of Ultralytics' exporter write stride and names, and no task. */
function taskOf({ metadata, outputs }: OnnxModel): string | null {
  const task = metadata.get('task');
  if (task !== undefined) return task;
  if (!metadata.has('stride') || !metadata.has('names')) return null;
  return outputs.length === 2 ? 'segment' : 'detect';
}

function namesOf({ metadata }: OnnxModel): ClassLabels | null {
  const names = metadata.get('names');
  return names === undefined ? null : namesInMetadata(names);
}

/** `null` if the file leaves it open. */
function edgeOf({ shape }: ModelValue): Sidecar['input'] | null {
  const [height, width] = shape?.slice(2) ?? [];
  return typeof width === 'number' && typeof height === 'number' ? { width, height } : null;
}

/** `[height, width]` or one number for both, of an Ultralytics export. */
function imgszOf({ metadata }: OnnxModel): Sidecar['input'] | null {
  const value = pythonLiteral(metadata.get('imgsz') ?? 'None');
  const [height, width = height] = Array.isArray(value) ? value : [value];
  return typeof width === 'number' && typeof height === 'number' ? { width, height } : null;
}

function shortText(text: string | undefined, lengthMax: number): string | null {
  const short = printable(text ?? 'None')
    .trim()
    .slice(0, lengthMax);
  return short === '' || short === 'None' ? null : short;
}
