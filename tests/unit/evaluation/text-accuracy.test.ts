import { expect, test } from 'vitest';
import type { Box } from '../../../pipeline/contract/schemas.ts';
import { textAccuracy } from '../../../pipeline/evaluation/text-accuracy.ts';

const A: Box = [10, 10, 100, 20];
const PADDED: Box = [5, 0, 110, 40]; // an IoU of 0.45 with A
const FAR: Box = [500, 500, 100, 20];
const line = (text: string | null, box: Box = A) => ({ text, box });

test('a line is exact if the same text was read in its place, whatever the number of spaces', () => {
  expect(textAccuracy([{ objects: [line('12.8 m2')], findings: [line(' 12.8  m2', PADDED)] }])).toEqual({
    lines: 1,
    exact: 1,
    misread: [],
  });
});

test('every other line is misread, with what was read there', () => {
  const objects = [line('V-4711'), line('KITCHEN', FAR), line(null)];
  const findings = [line('V-4711', FAR), line('V-47ll', PADDED), line(null, A)];
  expect(
    textAccuracy([
      { objects: [], findings: [] },
      { objects, findings },
    ]),
  ).toEqual({
    lines: 2,
    exact: 0,
    misread: [
      { image: 1, box: A, text: 'V-4711', found: 'V-47ll' },
      { image: 1, box: FAR, text: 'KITCHEN', found: 'V-4711' },
    ],
  });
});

test('a finding is the reading of one line only', () => {
  const result = textAccuracy([{ objects: [line('A-1'), line('A-1')], findings: [line('A-1')] }]);
  expect(result).toEqual({ lines: 2, exact: 1, misread: [{ image: 0, box: A, text: 'A-1', found: null }] });
});

test('there is no figure if the truth has no text', () => {
  expect(textAccuracy([{ objects: [line(null)], findings: [line('A-1')] }])).toBeNull();
});
