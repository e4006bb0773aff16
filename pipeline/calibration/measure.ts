// Measures in which numbers a model reports boxes, from charts with known marks and its reports. Pure.
import type { MarkSeen } from '../ports.ts';
import {
  type Coordinates,
  coordinatesNamed,
  coordinatesNames,
  type Edges,
  fromNumbers,
  numbersOf,
} from '../providers/coordinates.ts';
import type { ImageSize } from '../providers/image-intake.ts';
import type { Chart } from './chart.ts';

export interface Answer {
  chart: Chart;
  /** In the numbers of `asked`. */
  seen: readonly MarkSeen[];
  asked: Coordinates;
}

/** Errors and offsets are in percent of the side of the chart. */
export interface Measured {
  coordinates: Coordinates;
  /** Pixels only: the longer edge to which the model shrinks images; `null` if it does not. */
  seenLongerPx: number | null;
  /** Mean of the largest error of the four edges of each mark. */
  meanError: number;
  worstError: number;
  offset: { x: number; y: number };
  /** 1 is right. */
  scale: { x: number; y: number };
  found: number;
  missed: number;
  isFit: boolean;
}

const MEAN_ERROR_MAX = 2;
const MISSED_SHARE_MAX = 0.25;
/** With fewer, a common scale may be chance. */
const PAIRS_MIN = 8;
/** A scale is the same for both directions, or the unit is another one. */
const SAME_SCALE = 0.02;

/** Fractions of the width and height of the chart. */
interface Pair {
  truth: Edges;
  reported: Edges;
}

/** The coordinates that explain the answers best. `null` if no mark was found. */
export function measure(answers: readonly Answer[]): Measured | null {
  const candidates = coordinatesNames().map((name) => measuredAs(coordinatesNamed(name), answers));
  const found = candidates.filter((candidate) => candidate !== null);
  return found.toSorted((a, b) => a.middle - b.middle)[0]?.measured ?? null;
}

interface Candidate {
  measured: Measured;
  /** The median error: single marks that are mistaken for another must not decide. */
  middle: number;
}

function measuredAs(coordinates: Coordinates, answers: readonly Answer[]): Candidate | null {
  const shrink = coordinates.unit === 'pixels' ? shrinkOf(coordinates, answers) : null;
  const pairs = answers.flatMap((answer) => pairsOf(answer, coordinates, shrink));
  const errors = pairs.map(errorOf).sort((a, b) => a - b);
  const middle = errors[Math.floor(errors.length / 2)];
  const worst = errors.at(-1);
  if (middle === undefined || worst === undefined) return null;
  const marks = answers.reduce((sum, { chart }) => sum + chart.marks.length, 0);
  const missed = marks - pairs.length;
  const meanError = errors.reduce((sum, error) => sum + error, 0) / errors.length;
  const { x, y } = linesOf(pairs);
  const measured: Measured = {
    coordinates,
    seenLongerPx: shrink,
    meanError: meanError * 100,
    worstError: worst * 100,
    offset: { x: x.offset * 100, y: y.offset * 100 },
    scale: { x: x.scale, y: y.scale },
    found: pairs.length,
    missed,
    isFit: meanError * 100 <= MEAN_ERROR_MAX && missed <= marks * MISSED_SHARE_MAX,
  };
  return { measured, middle };
}

/** Marks by their code; a code that was reported twice counts once. */
function pairsOf({ chart, seen, asked }: Answer, coordinates: Coordinates, longerPx: number | null): Pair[] {
  const byCode = new Map(seen.toReversed().flatMap((mark) => [[codeIn(mark), mark.edges] as const]));
  const scale = scaleFor(coordinates, chart, longerPx);
  return chart.marks.flatMap(({ code, box: [left, top, width, height] }) => {
    const edges = byCode.get(code);
    if (!edges) return [];
    const meant = fromNumbers(numbersOf(edges, asked), coordinates);
    const truth = inFractions({ left, top, right: left + width, bottom: top + height }, chart);
    return [{ truth, reported: inFractions(meant, scale) }];
  });
}

function codeIn({ label, text }: MarkSeen): string | null {
  const [, column, row] = /\b([A-H])\s?([1-6])\b/i.exec([text, label].join(' ')) ?? [];
  return column && row ? column.toUpperCase() + row : null;
}

function scaleFor({ unit }: Coordinates, chart: ImageSize, longerPx: number | null): ImageSize {
  if (unit !== 'pixels') return unit === 'thousandths' ? { width: 1_000, height: 1_000 } : { width: 1, height: 1 };
  const shrink = longerPx === null ? 1 : Math.min(1, longerPx / Math.max(chart.width, chart.height));
  return { width: chart.width * shrink, height: chart.height * shrink };
}

/** The longer edge of the shrunk chart, if the same scale in both directions fits all answers. */
function shrinkOf(coordinates: Coordinates, answers: readonly Answer[]): number | null {
  const longer = answers.flatMap((answer) => {
    const pairs = pairsOf(answer, coordinates, null);
    if (pairs.length < PAIRS_MIN) return [];
    const { x, y } = linesOf(pairs);
    const isShrunk = Math.abs(x.scale / y.scale - 1) <= SAME_SCALE && x.scale < 1 - SAME_SCALE && x.scale > 0.1;
    return isShrunk ? [((x.scale + y.scale) / 2) * Math.max(answer.chart.width, answer.chart.height)] : [];
  });
  const [first] = longer;
  if (first === undefined || longer.length < answers.length) return null;
  const isSame = longer.every((edge) => Math.abs(edge / first - 1) <= SAME_SCALE);
  return isSame ? Math.round(longer.reduce((sum, edge) => sum + edge, 0) / longer.length) : null;
}

function inFractions({ left, top, right, bottom }: Edges, { width, height }: ImageSize): Edges {
  return { left: left / width, top: top / height, right: right / width, bottom: bottom / height };
}

function errorOf({ truth, reported }: Pair): number {
  const sides = ['left', 'top', 'right', 'bottom'] as const;
  return Math.max(...sides.map((side) => Math.abs(truth[side] - reported[side])));
}

interface Line {
  offset: number;
  scale: number;
}

/** How the reported edges follow from the true ones, across and down. */
function linesOf(pairs: readonly Pair[]): { x: Line; y: Line } {
  const lineOver = (sides: readonly (keyof Edges)[]) =>
    lineOf(pairs.flatMap(({ truth, reported }) => sides.map((side) => [truth[side], reported[side]] as const)));
  return { x: lineOver(['left', 'right']), y: lineOver(['top', 'bottom']) };
}

/** The least squares line `reported = offset + scale * truth`. */
function lineOf(points: readonly (readonly [truth: number, reported: number])[]): Line {
  const mean = (of: 0 | 1) => points.reduce((sum, point) => sum + point[of], 0) / points.length;
  const [meanTruth, meanReported] = [mean(0), mean(1)];
  const spread = points.reduce((sum, [truth]) => sum + (truth - meanTruth) ** 2, 0);
  const together = points.reduce((sum, [truth, reported]) => sum + (truth - meanTruth) * (reported - meanReported), 0);
  const scale = spread === 0 ? 1 : together / spread;
  return { scale, offset: meanReported - scale * meanTruth };
}
