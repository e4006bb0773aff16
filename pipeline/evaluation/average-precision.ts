// Average precision and recall as COCO defines them. Equal to pycocotools 2.0.11, whose constants and order of operations it keeps:
// https://github.com/cocodataset/cocoapi/blob/master/PythonAPI/pycocotools/cocoeval.py. Pure.
import { at } from '../contract/at.ts';
import { type FoundBox, type ImageBoxes, imageBoxesOf, matchesAt, type TruthBox } from './compared-boxes.ts';

/** `null` if the truth has no such object. */
export interface AveragePrecision {
  /** Mean over the IoU thresholds from 0.5 to 0.95, and over the labels of the truth. */
  ap: number | null;
  ap50: number | null;
  ap75: number | null;
  /** Objects of less than 32 x 32 px, of less than 96 x 96 px, and larger ones. */
  apSmall: number | null;
  apMedium: number | null;
  apLarge: number | null;
  /** Recall, averaged in the same way, if 1, 10 or all counted findings of an image and label count. */
  ar1: number | null;
  ar10: number | null;
  ar: number | null;
  arSmall: number | null;
  arMedium: number | null;
  arLarge: number | null;
}

/** The number of findings that count in an image and label, unless the caller sets another one. */
export const COCO_FOUND_MAX = 100;

const THRESHOLDS_COUNT = 10;
const [THRESHOLD_MIN, THRESHOLD_MAX] = [0.5, 0.95];
/** Bit for bit those of numpy.linspace: an IoU of exactly 0.9 must count. */
const IOU_THRESHOLDS = Array.from({ length: THRESHOLDS_COUNT }, (_, index) =>
  index === THRESHOLDS_COUNT - 1
    ? THRESHOLD_MAX
    : index * ((THRESHOLD_MAX - THRESHOLD_MIN) / (THRESHOLDS_COUNT - 1)) + THRESHOLD_MIN,
);
const PLACE_OF_75 = 5;
const RECALL_SAMPLES = 101;
const RECALL_STEP = 0.01; // multiplied, not divided by 100: ten of the products differ
/** Avoids a division by zero, and is part of every precision: numpy.spacing(1). */
const SPACING = 2 ** -52;

/** In square pixels; both ends belong to a range. */
const AREAS = {
  all: [0, 1e10],
  small: [0, 32 ** 2],
  medium: [32 ** 2, 96 ** 2],
  large: [96 ** 2, 1e10],
} as const;
type AreaRange = (typeof AREAS)[keyof typeof AREAS];

/** One label in one range of areas. By IoU threshold. */
interface Curve {
  precision: number[];
  recall: number[];
}

/** For all labels of the truth together, and for each. Findings of other labels cost nothing, as in COCO. */
export function averagePrecision(
  truths: readonly TruthBox[],
  found: readonly FoundBox[],
  foundMax: number = COCO_FOUND_MAX,
): { all: AveragePrecision; byLabel: Map<string, AveragePrecision> } {
  const truthsOf = Map.groupBy(truths, ({ label }) => label);
  const foundAs = Map.groupBy(found, ({ label }) => label);
  const labels = [...truthsOf.keys()].sort();
  const curves = labels.map((label) => curvesOf(imageBoxesOf(truthsOf.get(label) ?? [], foundAs.get(label) ?? [], foundMax)));
  return {
    all: figuresOf(curves),
    byLabel: new Map(labels.map((label, place) => [label, figuresOf([at(curves, place)])])),
  };
}

/** All curves of one label; `null` without an object in the range. */
interface LabelCurves {
  all: Curve | null;
  small: Curve | null;
  medium: Curve | null;
  large: Curve | null;
  first1: Curve | null;
  first10: Curve | null;
}

function curvesOf(images: readonly ImageBoxes[]): LabelCurves {
  const first = (count: number) => images.map((boxes) => firstFound(boxes, count));
  return {
    all: curveOf(images, AREAS.all),
    small: curveOf(images, AREAS.small),
    medium: curveOf(images, AREAS.medium),
    large: curveOf(images, AREAS.large),
    first1: curveOf(first(1), AREAS.all),
    first10: curveOf(first(10), AREAS.all),
  };
}

function figuresOf(labels: readonly LabelCurves[]): AveragePrecision {
  const curves = (name: keyof LabelCurves) => labels.map((label) => label[name]).filter((curve) => curve !== null);
  const all = curves('all');
  return {
    ap: meanPrecision(all),
    ap50: mean(all.map(({ precision }) => at(precision, 0))),
    ap75: mean(all.map(({ precision }) => at(precision, PLACE_OF_75))),
    apSmall: meanPrecision(curves('small')),
    apMedium: meanPrecision(curves('medium')),
    apLarge: meanPrecision(curves('large')),
    ar1: meanRecall(curves('first1')),
    ar10: meanRecall(curves('first10')),
    ar: meanRecall(all),
    arSmall: meanRecall(curves('small')),
    arMedium: meanRecall(curves('medium')),
    arLarge: meanRecall(curves('large')),
  };
}

function firstFound({ truths, found, candidates }: ImageBoxes, count: number): ImageBoxes {
  return { truths, found: found.slice(0, count), candidates: candidates.slice(0, count) };
}

/** `null` without an object in the range. */
function curveOf(images: readonly ImageBoxes[], area: AreaRange): Curve | null {
  const ignoredIn = images.map(({ truths }) => truths.map((truth) => truth.isCrowd || isOutside(truth.area, area)));
  const objects = ignoredIn.flat().filter((isIgnored) => !isIgnored).length;
  if (objects === 0) return null;
  const scores = images.flatMap(({ found }) => found.map(({ score }) => score));
  const order = [...scores.keys()].sort((a, b) => at(scores, b) - at(scores, a)); // stable: images in their order
  const points = IOU_THRESHOLDS.map((threshold) => {
    const outcomes = images.flatMap((boxes, image) => outcomesAt(threshold, boxes, at(ignoredIn, image), area));
    return sampled(
      order.map((place) => at(outcomes, place)),
      objects,
    );
  });
  return { precision: points.map((point) => point.precision), recall: points.map((point) => point.recall) };
}

type Outcome = 'right' | 'false' | 'ignored';

function outcomesAt(threshold: number, boxes: ImageBoxes, ignored: readonly boolean[], area: AreaRange): Outcome[] {
  const matches = matchesAt(threshold, boxes, ignored);
  return boxes.found.map(({ box }, place) => {
    const match = at(matches, place);
    if (match >= 0) return at(ignored, match) ? 'ignored' : 'right';
    return isOutside(box[2] * box[3], area) ? 'ignored' : 'false';
  });
}

/** Mean precision at 101 recalls, and the highest recall. `outcomes` come in the order of the scores. */
function sampled(outcomes: readonly Outcome[], objects: number): { precision: number; recall: number } {
  let [right, wrong] = [0, 0];
  const points: { recall: number; precision: number }[] = [];
  for (const outcome of outcomes) {
    if (outcome === 'ignored') continue;
    if (outcome === 'right') right++;
    else wrong++;
    points.push({ recall: right / objects, precision: right / (right + wrong + SPACING) });
  }
  const envelope = points.map(({ precision }) => precision);
  for (let place = envelope.length - 2; place >= 0; place--)
    envelope[place] = Math.max(at(envelope, place), at(envelope, place + 1));
  let place = 0;
  let sum = 0;
  for (let sample = 0; sample < RECALL_SAMPLES; sample++) {
    while (place < points.length && at(points, place).recall < sample * RECALL_STEP) place++;
    if (place < points.length) sum += at(envelope, place);
  }
  return { precision: sum / RECALL_SAMPLES, recall: right / objects };
}

function isOutside(area: number, [least, most]: AreaRange): boolean {
  return area < least || area > most;
}

function meanPrecision(curves: readonly Curve[]): number | null {
  return mean(curves.flatMap(({ precision }) => precision));
}

function meanRecall(curves: readonly Curve[]): number | null {
  return mean(curves.flatMap(({ recall }) => recall));
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}
