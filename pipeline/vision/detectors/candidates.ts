// What decoders have in common: candidates in pixels of the input, and NMS. Pure.
import { convexIntersection, type Point, polygonArea } from '../../outlines/polygons.ts';

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
  const intersection = convexIntersection(a.corners, b.corners);
  return intersection === 0 ? 0 : intersection / (polygonArea(a.corners) + polygonArea(b.corners) - intersection);
}
