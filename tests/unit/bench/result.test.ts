import { describe, expect, test } from 'vitest';
import { type Bar, median, resultOf, rounded } from '../../../bench/result.ts';

describe('the result of a benchmark', () => {
  test.each<[sign: Bar[0], met: number[], missed: number[]]>([
    ['>=', [2, 3], [1]],
    ['<=', [1, 2], [3]],
    ['<', [1], [2, 3]],
    ['>', [3], [1, 2]],
    ['=', [2], [1, 3]],
  ])('compares a figure with a bar of %s 2', (sign, met, missed) => {
    const passes = (figure: number) => resultOf({ figure }, { figure: [sign, 2] }).pass;
    expect(met.every(passes)).toBe(true);
    expect(missed.some(passes)).toBe(false);
  });

  test('passes only if every bar is met', () => {
    const bars = { fast: ['<=', 10], right: ['>=', 0.9] } as const;
    expect(resultOf({ fast: 5, right: 0.95 }, bars)).toEqual({
      figures: { fast: 5, right: 0.95 },
      bars: { fast: '<= 10', right: '>= 0.9' },
      pass: true,
    });
    expect(resultOf({ fast: 5, right: 0.5 }, bars).pass).toBe(false);
  });

  test('does not pass without a figure, or with a figure that is not a number', () => {
    expect(resultOf({}, { fast: ['<=', 10] }).pass).toBe(false);
    expect(resultOf({ fast: Number.NaN }, { fast: ['<=', 10] }).pass).toBe(false);
  });

  test('takes medians and rounds', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(() => median([])).toThrow(RangeError);
    expect(rounded(1.2345, 2)).toBe(1.23);
  });
});
