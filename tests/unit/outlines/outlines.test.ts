// Geometry of candidates: NMS, turned boxes, and the outlines of masks.
import { describe, expect, test } from 'vitest';
import { at } from '../../../pipeline/contract/at.ts';
import { outlines, simplified } from '../../../pipeline/outlines/outlines.ts';
import { type Point, signedArea } from '../../../pipeline/outlines/polygons.ts';
import { type Candidate, cornersIou, iou, suppressed } from '../../../pipeline/vision/detectors/candidates.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const EDGE = 40;

/** Positive inside, as large as the distance to the border of the area. */
function field(inside: (x: number, y: number) => number): Float32Array {
  return Float32Array.from({ length: EDGE * EDGE }, (_, index) => inside(index % EDGE, Math.floor(index / EDGE)));
}

const disc = (x: number, y: number, radius: number) => (px: number, py: number) => radius - Math.hypot(px - x, py - y);

describe('the outline of an area', () => {
  test('runs along the border, between the samples', () => {
    const [outline, ...more] = outlines(field(disc(19.3, 20.6, 11.2)), EDGE);
    expect(more).toEqual([]);
    const distances = (outline ?? []).map(([x, y]) => Math.hypot(x - 19.3, y - 20.6));
    expect(Math.max(...distances)).toBeLessThan(11.25);
    expect(Math.min(...distances)).toBeGreaterThan(11.1);
    expect(signedArea(outline ?? []) / (Math.PI * 11.2 ** 2)).toBeCloseTo(1, 1);
  });

  test('has a positive area, and that of a hole a negative one', () => {
    const ring = field((x, y) => Math.min(disc(20, 20, 15)(x, y), -disc(20, 20, 6)(x, y)));
    const areas = outlines(ring, EDGE)
      .map(signedArea)
      .toSorted((a, b) => b - a);
    expect(areas).toHaveLength(2);
    expect(at(areas, 0) / (Math.PI * 15 ** 2)).toBeCloseTo(1, 1);
    expect(at(areas, 1) / (-Math.PI * 6 ** 2)).toBeCloseTo(1, 1);
  });

  test('joins areas that meet in a corner if the field is positive between them', () => {
    const diagonal = (size: number) => {
      const values = new Float32Array(16).fill(-1);
      for (const index of [5, 10]) values[index] = size;
      return outlines(values, 4).length;
    };
    expect(diagonal(2)).toBe(1);
    expect(diagonal(0.5)).toBe(2);
  });

  test('is closed, whatever the field', () => {
    const random = seededRandom(11);
    for (let round = 0; round < 50; round++) {
      const noise = field((x, y) => (x % (EDGE - 1) === 0 || y % (EDGE - 1) === 0 ? -1 : random.next() - 0.5));
      const found = outlines(noise, EDGE);
      for (const outline of found) {
        outline.forEach(([x, y], index) => {
          const [nextX, nextY] = at(outline, (index + 1) % outline.length);
          expect(Math.hypot(nextX - x, nextY - y)).toBeLessThan(1.5);
        });
      }
      // Every sample that is inside lies in one area more than holes.
      const areas = found.reduce((sum, outline) => sum + signedArea(outline), 0);
      const inside = noise.filter((value) => value > 0).length;
      expect(Math.abs(areas / inside - 1)).toBeLessThan(0.3);
    }
  });

  test('keeps its shape with few points', () => {
    const [outline = []] = outlines(field(disc(20, 20, 15)), EDGE);
    const few = simplified(outline, 0.1, 100);
    expect(few.length).toBeLessThan(outline.length / 2);
    expect(signedArea(few) / signedArea(outline)).toBeGreaterThan(0.98);
    expect(simplified(outline, 0.01, 12).length).toBeLessThanOrEqual(12);
    const square: Point[] = Array.from({ length: 40 }, (_, index) => {
      const [side, step] = [Math.floor(index / 10), index % 10];
      return at<Point>(
        [
          [step, 0],
          [10, step],
          [10 - step, 10],
          [0, 10 - step],
        ],
        side,
      );
    });
    expect(simplified(square, 0.1, 100)).toEqual([
      [0, 0],
      [10, 0],
      [10, 10],
      [0, 10],
    ]);
  });
});

function candidate(label: number, score: number, [left, top, right, bottom]: [number, number, number, number]): Candidate {
  return { label, score, left, top, right, bottom };
}

/** A square turned around its center. */
function turned(x: number, y: number, edge: number, degrees: number, score = 0.5): Candidate {
  const corners = [45, 135, 225, 315].map((corner): Point => {
    const angle = ((corner + 180 + degrees) * Math.PI) / 180;
    return [x + (edge / Math.SQRT2) * Math.cos(angle), y + (edge / Math.SQRT2) * Math.sin(angle)];
  });
  const [xs, ys] = [corners.map((point) => point[0]), corners.map((point) => point[1])];
  return { ...candidate(0, score, [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)]), corners };
}

test('an outline of 200,000 points is simplified at once, though noise needs each of them', () => {
  const teeth = Array.from({ length: 200_000 }, (_, index): [number, number] => [index % 2 === 0 ? 0 : 1_000, index / 100]);
  const began = performance.now();
  expect(simplified(teeth, 0.5, 32).length).toBeLessThanOrEqual(32);
  expect(performance.now() - began).toBeLessThan(5_000);
});

describe('NMS', () => {
  test('keeps the highest score of boxes that overlap, for each label', () => {
    const boxes = [
      candidate(0, 0.5, [0, 0, 10, 10]),
      candidate(0, 0.9, [1, 0, 11, 10]),
      candidate(1, 0.4, [1, 0, 11, 10]),
      candidate(0, 0.3, [20, 0, 30, 10]),
    ];
    expect(iou(at(boxes, 0), at(boxes, 1))).toBeCloseTo(9 / 11);
    expect(suppressed(boxes, { iou: 0.5, across_labels: false }).map(({ score }) => score)).toEqual([0.9, 0.4, 0.3]);
    expect(suppressed(boxes, { iou: 0.5, across_labels: true }).map(({ score }) => score)).toEqual([0.9, 0.3]);
    expect(suppressed(boxes, { iou: 0.9, across_labels: false })).toHaveLength(4);
  });

  test('measures turned boxes by their corners, not by their hulls', () => {
    const square = turned(50, 50, 20, 0);
    expect(cornersIou(square, square)).toBeCloseTo(1);
    // The common part of a square and itself turned by 45 degrees is a regular octagon.
    const octagon = 2 * (Math.SQRT2 - 1) * 400;
    expect(cornersIou(square, turned(50, 50, 20, 45))).toBeCloseTo(octagon / (800 - octagon));
    expect(cornersIou(square, turned(60, 50, 20, 0))).toBeCloseTo(1 / 3);
    expect(cornersIou(square, turned(90, 50, 20, 30))).toBe(0);
    // The hulls overlap by half, and the boxes do not meet.
    const [first, second] = [turned(0, 0, 20, 45, 0.9), turned(15, 15, 20, 45)];
    expect(iou(first, second)).toBeGreaterThan(0.1);
    expect(cornersIou(first, second)).toBe(0);
    expect(suppressed([first, second], { iou: 0.05, across_labels: false }, cornersIou)).toHaveLength(2);
  });
});
