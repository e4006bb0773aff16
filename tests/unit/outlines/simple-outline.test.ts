// Outlines as other programs accept them: without repeated corners, and without edges that cross.
import { expect, test } from 'vitest';
import { at } from '../../../pipeline/contract/at.ts';
import type { Polygon } from '../../../pipeline/contract/schemas.ts';
import { polygonArea } from '../../../pipeline/outlines/polygons.ts';
import { simpleOutline } from '../../../pipeline/outlines/simple-outline.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const L_SHAPE: Polygon = [
  [0, 0],
  [40, 0],
  [40, 20],
  [20, 20],
  [20, 60],
  [0, 60],
];

test('an outline without faults remains as it is', () => {
  expect(simpleOutline(L_SHAPE)).toEqual(L_SHAPE);
  expect(simpleOutline(L_SHAPE.toReversed())).toEqual(L_SHAPE.toReversed());
});

test('two crossing edges of a bow tie become those of a square', () => {
  const bowTie: Polygon = [
    [0, 0],
    [10, 10],
    [10, 0],
    [0, 10],
  ];
  expect(polygonArea(bowTie)).toBe(0);
  expect(polygonArea(simpleOutline(bowTie) ?? [])).toBe(100);
});

test.each<[string, Polygon]>([
  ['one point', Array.from({ length: 5 }, () => [3, 3])],
  ['a line', [[0, 0], [5, 5], [9, 9], [0, 0]]], // biome-ignore format: one line
  ['a line and back', [[0, 0], [5, 0], [9, 0], [5, 0]]], // biome-ignore format: one line
])('%s encloses nothing', (_, polygon) => {
  expect(simpleOutline(polygon)).toBeNull();
});

test('200 random corners in any order keep their places, and no edges cross', () => {
  const random = seededRandom(7);
  for (const count of [3, 4, 5, 8, 32, 200]) {
    const polygon: Polygon = Array.from({ length: count }, () => [random.next() * 500, random.next() * 500]);
    const outline = simpleOutline(polygon) ?? [];
    expect(outline.toSorted(([a], [b]) => a - b)).toEqual(polygon.toSorted(([a], [b]) => a - b));
    expect(crossings(outline)).toBe(0);
  }
});

/** By the parameters at which two edges meet, which the product does not compute. */
function crossings(polygon: Polygon): number {
  let count = 0;
  for (const [index, [x, y]] of polygon.entries()) {
    for (let other = index + 2; other < polygon.length; other++) {
      if ((other + 1) % polygon.length === index) continue;
      const [toX, toY] = at(polygon, (index + 1) % polygon.length);
      const [[u, v], [toU, toV]] = [at(polygon, other), at(polygon, (other + 1) % polygon.length)];
      const parallel = (toX - x) * (toV - v) - (toY - y) * (toU - u);
      const first = ((u - x) * (toV - v) - (v - y) * (toU - u)) / parallel;
      const second = ((u - x) * (toY - y) - (v - y) * (toX - x)) / parallel;
      if (first > 0 && first < 1 && second > 0 && second < 1) count++;
    }
  }
  return count;
}
