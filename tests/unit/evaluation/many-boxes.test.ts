// Images with more objects than anyone counts: trees of an aerial image, cells of a slide, lines of a page.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { at } from '../../../pipeline/contract/at.ts';
import type { Box } from '../../../pipeline/contract/schemas.ts';
import { BoxesByLeft, OVERLAP_MIN } from '../../../pipeline/evaluation/compared-boxes.ts';
import { evaluate } from '../../../pipeline/evaluation/evaluate.ts';
import { iou } from '../../../pipeline/planning/geometry.ts';

const OBJECTS = 150_000;
const FINDINGS = 1_000;
const ACROSS = 500;

const boxAt = (place: number): Box => [(place % ACROSS) * 30, Math.floor(place / ACROSS) * 30, 20, 20];

describe('an image with 150,000 objects', () => {
  test('is compared in seconds, under right and under wrong labels', () => {
    const objects = Array.from({ length: OBJECTS }, (_, place) => {
      return { label: 'tree', box: boxAt(place), area: 400, isCrowd: false, text: null };
    });
    const findings = Array.from({ length: FINDINGS }, (_, place) => {
      return { label: place % 2 === 0 ? 'tree' : 'bush', box: boxAt(place * 7), score: 0.5, text: null };
    });
    const began = performance.now();
    const { accuracy, comparison } = evaluate([{ objects, findings }], ['tree', 'bush']);
    expect(performance.now() - began).toBeLessThan(15_000);
    expect([accuracy.right, accuracy.missed, comparison.confused.length]).toEqual([500, OBJECTS - 500, 500]);
  });

  test('with text is compared in seconds', () => {
    const objects = Array.from({ length: 20_000 }, (_, place) => {
      return { label: 'text', box: boxAt(place), area: 400, isCrowd: false, text: `line ${place}` };
    });
    const findings = objects.slice(-3_000).map(({ label, box, text }) => ({ label, box, score: 0.5, text }));
    const began = performance.now();
    expect(evaluate([{ objects, findings }], ['text']).text).toMatchObject({ lines: 20_000, exact: 3_000 });
    expect(performance.now() - began).toBeLessThan(6_000);
  });
});

test('the boxes near a box include all that can match it', () => {
  const side = fc.integer({ min: 1, max: 60 }).map((tenths) => tenths / 10);
  const corner = fc.integer({ min: 0, max: 80 }).map((tenths) => tenths / 10);
  const box = fc.tuple(corner, corner, side, side) as fc.Arbitrary<Box>;
  fc.assert(
    fc.property(fc.array(box, { maxLength: 40 }), box, (boxes, searched) => {
      const near = new BoxesByLeft(boxes.map((each) => ({ box: each }))).near(searched);
      const matching = [...boxes.keys()].filter((place) => iou(at(boxes, place), searched) >= OVERLAP_MIN);
      expect(near).toEqual(expect.arrayContaining(matching));
      expect(near).toEqual(near.toSorted((a, b) => a - b));
    }),
  );
});
