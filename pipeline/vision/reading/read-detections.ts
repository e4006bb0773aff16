// Reads the detections of an answer one by one: what is clear counts, whatever else is wrong with the answer. Boxes come out in pixels.
import type { Ask, Box, Detection } from '../../contract/schemas.ts';
import type { MarkSeen } from '../../ports.ts';
import { type Coordinates, type Edges, fromNumbers } from '../../providers/coordinates.ts';
import { type BoxFrame, boxOf, scaleOf } from '../prompts/box-frame.ts';
import { isRecord } from './json-in-text.ts';
import { numberIn, scoreIn, severityIn, wordsIn } from './loose-fields.ts';

const LABEL_LENGTH_MAX = 100;
const DESCRIPTION_LENGTH_MAX = 1_000;
const TEXT_LENGTH_MAX = 2_000;
/** The score where a model names none. */
const ASSUMED_SCORE = 0.5;

export interface ReadDetections {
  detections: Detection[];
  /** Boxes that extended beyond the image, or lay outside or had no area; the last two are left out. */
  clipped: number;
  /** Entries without a label or a box. */
  unreadable: number;
  withoutScore: number;
  /** What was reported, with boxes in the numbers and in the order of the model: for checks of its convention. */
  reported: MarkSeen[];
  /** The bottom right corner of every box came first, and they are read accordingly. */
  isReversed: boolean;
  /** Fractions of 1 where another unit was asked for. */
  wereFractions: boolean;
}

/** `entries` are the values of the list of detections. */
export function readDetections(entries: readonly unknown[], frame: BoxFrame): ReadDetections {
  const rows = entries.map((entry) => rowOf(entry, frame.coordinates));
  const readable = rows.filter((row) => row !== null);
  const isReversed = areReversed(readable.map((row) => row.edges));
  const edges = readable.map((row) => (isReversed ? turned(row.edges) : row.edges));
  const wereFractions = areFractions(edges, frame.coordinates);
  const scale = wereFractions ? { width: 1, height: 1 } : scaleOf(frame);
  const boxes = edges.map((one) => boxOf(one, frame.image, scale));
  return {
    detections: readable.flatMap((row, index) => {
      const box = boxes[index]?.box ?? null;
      return box === null ? [] : [detectionOf(row, box)];
    }),
    clipped: boxes.filter(({ box, clipped }) => clipped || box === null).length,
    unreadable: rows.length - readable.length,
    withoutScore: readable.filter(({ score }) => score === null).length,
    reported: readable.map(({ label, text, edges }) => ({ label, text, edges })),
    isReversed,
    wereFractions,
  };
}

/** Only the requested labels, as the request spells them. */
export function withRequestedLabels(detections: Detection[], { labels }: Ask): Detection[] {
  if (labels.length === 0) return detections;
  const requested = new Map(labels.map((label) => [label.trim().toLowerCase(), label]));
  return detections.flatMap((detection) => {
    const label = requested.get(detection.label.toLowerCase());
    return label === undefined ? [] : [{ ...detection, label }];
  });
}

/** Fewer boxes may share a point although their corners are reversed. */
const SHARING_MIN = 3;

/**
 * Both corners of every box are there, only in the other order. One such box among boxes in the usual order is an error. Boxes that would
 * all share a point have their sizes instead of a corner.
 */
function areReversed(edges: readonly Edges[]): boolean {
  if (edges.length === 0 || !edges.every(({ left, top, right, bottom }) => right < left && bottom < top)) return false;
  const boxes = edges.map(turned);
  const most = (side: keyof Edges) => Math.max(...boxes.map((box) => box[side]));
  const least = (side: keyof Edges) => Math.min(...boxes.map((box) => box[side]));
  const sharePoint = most('left') < least('right') && most('top') < least('bottom');
  return boxes.length < SHARING_MIN || !sharePoint;
}

function turned({ left, top, right, bottom }: Edges): Edges {
  return { left: right, top: bottom, right: left, bottom: top };
}

/** No box lies within the first thousandth, or the first pixel, of an image. */
function areFractions(edges: readonly Edges[], { unit }: Coordinates): boolean {
  const areas = edges.filter(({ left, top, right, bottom }) => right > left && bottom > top);
  return unit !== 'fractions' && areas.length > 0 && areas.every(({ right, bottom }) => right <= 1 && bottom <= 1);
}

interface Row extends Omit<Detection, 'box' | 'score'> {
  score: number | null;
  edges: Edges;
}

function rowOf(entry: unknown, coordinates: Coordinates): Row | null {
  if (!isRecord(entry)) return null;
  const label = wordsIn(firstOf(entry, ['label', 'name', 'class', 'category', 'object', 'type']), LABEL_LENGTH_MAX);
  const edges = edgesIn(entry, coordinates);
  if (label === '' || edges === null) return null;
  const text = wordsIn(firstOf(entry, ['text', 'text_content', 'content']), TEXT_LENGTH_MAX);
  return {
    label,
    description: wordsIn(entry.description, DESCRIPTION_LENGTH_MAX),
    score: scoreIn(firstOf(entry, ['score', 'confidence', 'probability'])),
    severity: severityIn(entry.severity) ?? 'info',
    text: text === '' ? null : text,
    edges,
  };
}

function detectionOf({ label, description, score, severity, text }: Row, box: Box): Detection {
  return { label, description, score: score ?? ASSUMED_SCORE, severity, box, text };
}

/** The edges of a box in any of the forms that models write, in the unit of the answer. */
export function edgesIn(entry: Record<string, unknown>, coordinates: Coordinates): Edges | null {
  const named = namedEdges(entry);
  if (named) return named;
  for (const [name, order] of LISTS) {
    const value = entry[name];
    if (isRecord(value)) {
      const inside = namedEdges(value);
      if (inside) return inside;
    }
    const numbers = Array.isArray(value) ? value.flat().map(numberIn) : [];
    const [a, b, c, d] = numbers;
    if (numbers.length === 4 && a != null && b != null && c != null && d != null) {
      return fromNumbers([a, b, c, d], order === null ? coordinates : { ...coordinates, ...order });
    }
  }
  return null;
}

/** Lists of four numbers by their names. Qwen writes `bbox_2d` with x first, Gemini `box_2d` with y first, COCO `bbox` with a size. */
const LISTS: readonly [name: string, order: Pick<Coordinates, 'first' | 'form'> | null][] = [
  ['bbox_2d', { first: 'x', form: 'edges' }],
  ['box_2d', { first: 'y', form: 'edges' }],
  ['box', null],
  ['bbox', null],
  ['bounding_box', null],
  ['boundingBox', null],
  ['coordinates', null],
];

function namedEdges(entry: Record<string, unknown>): Edges | null {
  const number = (names: readonly string[]) => numberIn(firstOf(entry, names));
  const left = number(['left', 'x1', 'xmin', 'x_min', 'x']);
  const top = number(['top', 'y1', 'ymin', 'y_min', 'y']);
  const right = number(['right', 'x2', 'xmax', 'x_max']) ?? sum(left, number(['width', 'w']));
  const bottom = number(['bottom', 'y2', 'ymax', 'y_max']) ?? sum(top, number(['height', 'h']));
  return left === null || top === null || right === null || bottom === null ? null : { left, top, right, bottom };
}

function sum(from: number | null, length: number | null): number | null {
  return from === null || length === null ? null : from + length;
}

function firstOf(entry: Record<string, unknown>, names: readonly string[]): unknown {
  return names.map((name) => entry[name]).find((value) => value !== undefined && value !== null);
}
