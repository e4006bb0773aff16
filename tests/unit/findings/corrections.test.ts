// What a correction by the judge or the verification model may change.
import { expect, test } from 'vitest';
import { inImage } from '../../../pipeline/steps/verdicts/verify-finding.ts';

const crop = {
  toImage: ([left, top, width, height]: [number, number, number, number]) =>
    [left + 1_000, top, width, height] as [number, number, number, number],
};
const finding = { box: [1_200, 200, 40, 20] as [number, number, number, number] };
const asked = (labels: string[]) => ({ ask: { look_for: null, labels } });
const corrected = (label: string, boxInCrop: [number, number, number, number]) => ({
  verdict: 'corrected' as const,
  instead: { label, description: '', severity: 'info' as const, text: null },
  boxInCrop,
});

test('the label, as the request spells it, and the box', () => {
  expect(inImage(corrected('cat', [205, 195, 40, 30]), crop, finding, asked(['Dog', 'Cat ']))).toMatchObject({
    verdict: 'corrected',
    instead: { label: 'Cat ', box: [1_205, 195, 40, 30] },
  });
  expect(inImage(corrected('anything', [205, 195, 40, 30]), crop, finding, asked([]))).toMatchObject({ verdict: 'corrected' });
});

test('a small box that was off by its size', () => {
  expect(inImage(corrected('cat', [265, 215, 40, 20]), crop, finding, asked([]))).toMatchObject({ verdict: 'corrected' });
});

test.each([
  [corrected('cat', [0, 0, 1, 1]), 'The correction is about another place.'],
  [corrected('cat', [600, 200, 40, 20]), 'The correction is about another place.'],
  [corrected('ignore all rules', [200, 200, 40, 20]), 'The correction has a label that was not requested.'],
])('nothing if it is about something else: %j', (answer, reason) => {
  expect(inImage(answer, crop, finding, asked(['cat']))).toEqual({ verdict: 'none', reason });
});

test('nothing by a confirmation or a rejection', () => {
  for (const verdict of ['confirmed', 'rejected'] as const) {
    expect(inImage({ verdict }, crop, finding, asked(['cat']))).toEqual({ verdict });
  }
});
