import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Polygon } from '../../../pipeline/contract/schemas.ts';
import { unionOfMasks } from '../../../pipeline/outlines/mask-union.ts';
import { cornersOf, polygonArea } from '../../../pipeline/outlines/polygons.ts';

const square = (left: number, top: number, side: number): Polygon => cornersOf([left, top, side, side]);

/** A regular polygon. */
function disk(x: number, y: number, radius: number, corners = 40): Polygon {
  return Array.from({ length: corners }, (_, index) => {
    const angle = (2 * Math.PI * index) / corners;
    return [x + radius * Math.cos(angle), y + radius * Math.sin(angle)] as [number, number];
  });
}

/** The part of a disk left or right of a line, as a detector of tiles reports it. */
function cutAt(x: number, side: 'left' | 'right', whole: Polygon): Polygon {
  const clamp = side === 'left' ? Math.min : Math.max;
  return whole.map(([cornerX, y]) => [clamp(cornerX, x), y]);
}

describe('the union of masks', () => {
  test('of two halves that overlap is the whole', () => {
    const whole = disk(500, 300, 200);
    const union = unionOfMasks([cutAt(560, 'left', whole), cutAt(440, 'right', whole)]);
    expect(polygonArea(union ?? [])).toBeGreaterThan(0.99 * polygonArea(whole));
    expect(polygonArea(union ?? [])).toBeLessThan(1.01 * polygonArea(whole));
    for (const [x, y] of union ?? []) expect(Math.abs(Math.hypot(x - 500, y - 300) - 200)).toBeLessThan(1.5);
  });

  test('lies where its parts lie, at any place and size', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 100_000 }),
        fc.integer({ min: 0, max: 100_000 }),
        fc.integer({ min: 20, max: 20_000 }),
        (x, y, side) => {
          const union = unionOfMasks([square(x, y, side), square(x + side / 2, y, side)]) ?? [];
          const cellPx = Math.max(1, (1.5 * side) / 512);
          const [xs, ys] = [union.map(([cornerX]) => cornerX), union.map(([, cornerY]) => cornerY)];
          expect(Math.abs(Math.min(...xs) - x)).toBeLessThanOrEqual(1.5 * cellPx);
          expect(Math.abs(Math.max(...xs) - (x + 1.5 * side))).toBeLessThanOrEqual(1.5 * cellPx);
          expect(Math.abs(Math.min(...ys) - y)).toBeLessThanOrEqual(1.5 * cellPx);
          expect(Math.abs(Math.max(...ys) - (y + side))).toBeLessThanOrEqual(1.5 * cellPx);
          expect(union.length).toBeLessThanOrEqual(64);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('of parts that do not touch is none', () => {
    expect(unionOfMasks([square(0, 0, 50), square(200, 0, 50)])).toBeNull();
  });
});
