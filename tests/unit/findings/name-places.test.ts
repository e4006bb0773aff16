// Names stand beside their boxes, inside the area, and do not cover one another.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { namePlaces } from '../../../pipeline/findings/name-places.ts';

const AREA = { width: 900, height: 700 };
const box = fc.tuple(
  fc.double({ min: -50, max: 900, noNaN: true }),
  fc.double({ min: -50, max: 700, noNaN: true }),
  fc.double({ min: 1, max: 400, noNaN: true }),
  fc.double({ min: 1, max: 400, noNaN: true }),
);
const name = fc.record({ width: fc.integer({ min: 20, max: 260 }), height: fc.constantFrom(17, 19) });

test('no name covers another or leaves the area', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ box, name }), { maxLength: 60 }), (marks) => {
      const places = namePlaces(AREA);
      const placed = marks.flatMap((mark) => {
        const place = places.take(mark.box, mark.name);
        return place ? [[place[0], place[1], mark.name.width, mark.name.height] as const] : [];
      });
      for (const [at, [left, top, width, height]] of placed.entries()) {
        expect(left >= 0 && top >= 0 && left + width <= AREA.width && top + height <= AREA.height).toBe(true);
        for (const [x, y, w, h] of placed.slice(0, at)) {
          expect(left < x + w && x < left + width && top < y + h && y < top + height).toBe(false);
        }
      }
    }),
  );
});

test('a name stands above its box, in it where there is no room, below where one is taken', () => {
  const places = namePlaces(AREA);
  const size = { width: 80, height: 20 };
  expect(places.take([100, 100, 200, 100], size)).toEqual([100, 80]);
  expect(places.take([400, 5, 200, 100], size)).toEqual([400, 5]);
  expect(places.take([100, 100, 200, 100], size)).toEqual([100, 200]);
  expect(places.take([600, 300, 100, 50], size, 'below')).toEqual([600, 350]);
});

test('a name that fits nowhere is left out', () => {
  const places = namePlaces({ width: 100, height: 40 });
  expect(places.take([0, 0, 100, 40], { width: 120, height: 20 })).toBeNull();
  const taken = Array.from({ length: 9 }, () => places.take([10, 10, 20, 10], { width: 90, height: 19 }));
  expect(taken.filter((place) => place !== null).length).toBeLessThanOrEqual(2);
});
