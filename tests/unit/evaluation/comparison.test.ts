import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Box } from '../../../pipeline/contract/schemas.ts';
import type { FoundBox, TruthBox } from '../../../pipeline/evaluation/compared-boxes.ts';
import { accuracyByLabel, accuracyOf, bestScore, compare, confusionOf } from '../../../pipeline/evaluation/comparison.ts';
import { evaluate, foundMaxFor } from '../../../pipeline/evaluation/evaluate.ts';
import { truthLabels } from '../../../pipeline/evaluation/truth-labels.ts';

const truth = (label: string, box: Box, more: Partial<TruthBox> = {}): TruthBox => {
  return { image: 0, label, box, area: box[2] * box[3], isCrowd: false, ...more };
};
const found = (label: string, box: Box, score = 0.5, image = 0): FoundBox => ({ image, label, box, score });

const A: Box = [0, 0, 10, 10];
const B: Box = [100, 0, 10, 10];
const C: Box = [200, 0, 10, 10];

describe('a comparison at an IoU of 0.5', () => {
  test('separates right, missed, false and confused', () => {
    const truths = [truth('cup', A), truth('cup', B), truth('cat', C)];
    const all = [found('cup', A, 0.9), found('bowl', B, 0.8), found('cup', [300, 0, 10, 10], 0.7), found('cup', A, 0.6)];
    const comparison = compare(truths, all);
    expect(accuracyOf(comparison)).toEqual({
      ...{ objects: 3, right: 1, missed: 2, wrong: 3 },
      ...{ precision: 1 / 4, recall: 1 / 3, f1: 2 / 7 },
    });
    expect(comparison.confused).toEqual([{ truth: truths[1], found: all[1] }]);
    const confusion = confusionOf(comparison);
    expect(confusion).toHaveLength(4);
    expect(confusion).toEqual(
      expect.arrayContaining([
        { truth: 'cup', found: 'cup', count: 1 },
        { truth: 'cup', found: 'bowl', count: 1 },
        { truth: 'cat', found: null, count: 1 },
        { truth: null, found: 'cup', count: 2 },
      ]),
    );
  });

  test('counts each object and each finding once in the confusion matrix', () => {
    const box = fc.tuple(fc.nat(60), fc.nat(60), fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }));
    const labeled = fc.record({ label: fc.constantFrom('cup', 'cat', 'bowl'), box, image: fc.nat(1), score: fc.nat(100) });
    fc.assert(
      fc.property(fc.array(labeled), fc.array(labeled), (objects, findings) => {
        const truths = objects.map((one) => truth(one.label, one.box, { image: one.image }));
        const all = findings.map((one) => found(one.label, one.box, one.score / 100, one.image));
        const comparison = compare(truths, all);
        const counts = confusionOf(comparison);
        const sum = (side: 'truth' | 'found') =>
          counts.filter((one) => one[side] !== null).reduce((total, { count }) => total + count, 0);
        expect([sum('truth'), sum('found')]).toEqual([truths.length, all.length]);
        const { right, missed, wrong } = accuracyOf(comparison);
        expect([right + missed, right + wrong]).toEqual([truths.length, all.length]);
        const byLabel = [...accuracyByLabel(comparison).values()];
        expect(byLabel.reduce((total, one) => total + one.right, 0)).toBe(right);
      }),
    );
  });

  test('an object is in its image only', () => {
    expect(accuracyOf(compare([truth('cup', A)], [found('cup', A, 0.9, 1)]))).toMatchObject({ right: 0, missed: 1, wrong: 1 });
  });

  test('findings in a crowd are neither right nor false, and the crowd is not missed', () => {
    const crowd = truth('person', [0, 0, 100, 100], { isCrowd: true });
    const comparison = compare([crowd], [found('person', A), found('person', B), found('person', [20, 20, 10, 10])]);
    expect(comparison).toMatchObject({ right: [], missed: [], wrong: [{ box: B }] });
  });

  test('without findings there is no precision, and without objects no recall', () => {
    expect(accuracyOf(compare([truth('cup', A)], []))).toMatchObject({ precision: null, recall: 0, f1: 0 });
    expect(accuracyOf(compare([], [found('cup', A)]))).toMatchObject({ precision: 0, recall: null, f1: 0 });
    expect(accuracyOf(compare([], []))).toMatchObject({ precision: null, recall: null, f1: null });
  });
});

describe('the best score', () => {
  test('leaves out false findings below the last right one that pays', () => {
    const truths = [truth('cup', A), truth('cup', B)];
    const all = [found('cup', A, 0.912), found('cup', B, 0.657), found('cup', C, 0.41), found('cup', [300, 0, 9, 9], 0.42)];
    expect(bestScore(compare(truths, all))).toEqual({ score: 0.65, accuracy: expect.objectContaining({ f1: 1, recall: 1 }) });
  });

  test('is missing if nothing is right', () => {
    expect(bestScore(compare([truth('cup', A)], [found('cup', B)]))).toBeNull();
  });
});

describe('labels', () => {
  test('of findings are those of the truth in any case, or what the words of the local models mean', () => {
    const labelOf = truthLabels(['Cup', 'bike', 'Vehicle', 'valve']);
    const reported = ['cup', 'bicycle', 'car', ' VALVE ', 'cat'];
    expect(reported.map(labelOf)).toEqual(['Cup', 'bike', 'Vehicle', 'valve', null]);
  });

  test('that the truth does not have are counted, and cost no precision', () => {
    const objects = [{ label: 'Cup', box: A, area: 100, isCrowd: false, text: null }];
    const findings = [
      { label: 'cup', box: A, score: 0.9, text: null },
      { label: 'text', box: B, score: 0.9, text: 'A-1' },
    ];
    const { accuracy, notScored, averagePrecision, text } = evaluate([{ objects, findings }], ['Cup']);
    expect(text).toBeNull();
    expect(accuracy).toMatchObject({ precision: 1, recall: 1 });
    expect(averagePrecision.ap).toBeCloseTo(1, 9);
    expect([...notScored]).toEqual([['text', 1]]);
  });

  test('that have no object in the truth cost precision, but not AP', () => {
    const objects = [{ label: 'cup', box: A, area: 100, isCrowd: false, text: null }];
    const findings = [
      { label: 'cup', box: A, score: 0.9, text: null },
      { label: 'cat', box: B, score: 0.9, text: null },
    ];
    const { accuracy, averagePrecision, byLabel } = evaluate([{ objects, findings }], ['cup', 'cat']);
    expect([accuracy.precision, averagePrecision.ap]).toEqual([0.5, expect.closeTo(1, 9)]);
    expect(byLabel.get('cat')).toMatchObject({ accuracy: { wrong: 1, recall: null }, averagePrecision: null });
  });
});

test('all findings count if an image has more than 100 objects of a label, otherwise 100 as in COCO', () => {
  const objects = (count: number, image = 0) => Array.from({ length: count }, () => ({ image, label: 'cup' }));
  expect(foundMaxFor([])).toBe(100);
  expect(foundMaxFor([...objects(100), ...objects(100, 1)])).toBe(100);
  expect(foundMaxFor(objects(101))).toBe(Number.POSITIVE_INFINITY);
});
