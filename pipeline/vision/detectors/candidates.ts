// What decoders have in common: candidates in pixels of the input, and NMS. Pure.
import { at } from '../../contract/at.ts';

/** A box in pixels of the input. */
export interface Candidate {
  /** The index of the class. */
  label: number;
  score: number;
  left: number;
  top: number;
  right: number;
  bottom: number;
  /** The corners of a turned box, clockwise from its own top left, in pixels of the input. The box is their hull. */
  corners?: readonly Point[];
  /** Traces the outline of the object's mask, in pixels of the input. `null` if the mask is empty. */
  outline?: () => readonly Point[] | null;
}

export type Point = readonly [x: number, y: number];

interface Suppression {
  iou: number;
  across_labels: boolean;
}

// 30,000 with a score above the threshold would be 0.5 billion comparisons.
const CANDIDATES_MAX = 3_000;

/** NMS: the candidates that overlap none with a higher score by more than the IoU threshold, by falling score. */
export function suppressed<C extends Candidate>(
  candidates: readonly C[],
  { iou: threshold, across_labels }: Suppression,
  overlap: (a: C, b: C) => number = iou,
): C[] {
  const kept: C[] = [];
  for (const candidate of byScore(candidates)) {
    const isRival = (other: C) => across_labels || other.label === candidate.label;
    if (!kept.some((other) => isRival(other) && overlap(other, candidate) > threshold)) kept.push(candidate);
  }
  return kept;
}

export function byScore<C extends Candidate>(candidates: readonly C[]): C[] {
  return candidates.toSorted((a, b) => b.score - a.score).slice(0, CANDIDATES_MAX);
}

export function iou(a: Candidate, b: Candidate): number {
  const width = Math.max(0, Math.min(a.right, b.right) - Math.max(a.left, b.left));
  const height = Math.max(0, Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top));
  const area = (box: Candidate): number => (box.right - box.left) * (box.bottom - box.top);
  const intersection = width * height;
  return intersection === 0 ? 0 : intersection / (area(a) + area(b) - intersection);
}

/** IoU of turned boxes. */
export function cornersIou(a: Candidate, b: Candidate): number {
  if (!a.corners || !b.corners) throw new Error('A turned box has corners.');
  if (iou(a, b) === 0) return 0;
  const intersection = areaOf(clipped(a.corners, b.corners));
  return intersection === 0 ? 0 : intersection / (areaOf(a.corners) + areaOf(b.corners) - intersection);
}

/** The area of a polygon; negative if its points run counterclockwise in an image. */
export function areaOf(corners: readonly Point[]): number {
  let sum = 0;
  corners.forEach(([x, y], index) => {
    const [nextX, nextY] = at(corners, (index + 1) % corners.length);
    sum += x * nextY - nextX * y;
  });
  return sum / 2;
}

/** The part of a polygon inside a convex one that runs clockwise (Sutherland and Hodgman, 1974). */
function clipped(polygon: readonly Point[], convex: readonly Point[]): Point[] {
  let rest: Point[] = [...polygon];
  convex.forEach(([fromX, fromY], index) => {
    const [toX, toY] = at(convex, (index + 1) % convex.length);
    const side = ([x, y]: Point) => (toX - fromX) * (y - fromY) - (toY - fromY) * (x - fromX);
    rest = rest.flatMap((point, position) => {
      const previous = at(rest, (position + rest.length - 1) % rest.length);
      const [here, before] = [side(point), side(previous)];
      const crossing = here >= 0 !== before >= 0 ? [between(previous, point, before / (before - here))] : [];
      return here >= 0 ? [...crossing, point] : crossing;
    });
  });
  return rest;
}

export function between([fromX, fromY]: Point, [toX, toY]: Point, share: number): Point {
  return [fromX + (toX - fromX) * share, fromY + (toY - fromY) * share];
}
