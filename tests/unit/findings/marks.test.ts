// Labels are told apart by color and severities by weight and mark, with every kind of color vision.
import { describe, expect, test } from 'vitest';
import { Severity } from '../../../pipeline/contract/schemas.ts';
import {
  coloredLabels,
  colorsOfLabels,
  countsByLabel,
  LABEL_COLORS,
  nameOf,
  OTHER_LABELS,
  SEVERITY_LOOKS,
} from '../../../pipeline/findings/marks.ts';
import { difference, seenAs, VISIONS } from '../../support/color-vision.ts';
import { contrast } from '../../support/contrast.ts';

const pairs = <T>(all: readonly T[]) => all.flatMap((one, place) => all.slice(0, place).map((other) => [one, other] as const));

describe('colors of labels', () => {
  // Sharma, Wu and Dalal 2005, rows 1 and 25 of their table: our formula is theirs.
  test.each([
    [[50, 2.6772, -79.7751], [50, 0, -82.7485], 2.0425],
    [[60.2574, -34.0099, 36.2677], [60.4626, -34.1751, 39.4387], 1.2644],
  ] as const)('%j and %j differ by %d', (one, other, expected) => {
    expect(difference(one, other)).toBeCloseTo(expected, 4);
  });

  test.each([...LABEL_COLORS, OTHER_LABELS].map(({ color, ink }) => [ink, color]))(
    '%s on %s has a contrast of 4.5 or more',
    (ink, color) => {
      expect(contrast(ink, color)).toBeGreaterThanOrEqual(4.5);
    },
  );

  test.each(VISIONS)('differ by 10 or more with %s', (vision) => {
    const tooClose = pairs(LABEL_COLORS.map(({ color }) => color)).flatMap(([one, other]) => {
      const seen = difference(seenAs(one, vision), seenAs(other, vision));
      return seen < 10 ? [`${one} ${other}: ${seen.toFixed(1)}`] : [];
    });
    expect(tooClose).toEqual([]);
  });

  test('belong to the most frequent labels; rarer ones share grey, so no two labels look the same by accident', () => {
    const findings = Array.from({ length: 14 }, (_, place) => Array(20 - place).fill({ label: `label ${place}` })).flat();
    const counts = countsByLabel(findings);
    const colorOf = colorsOfLabels(counts);
    expect(coloredLabels(counts)).toEqual(Array.from({ length: LABEL_COLORS.length }, (_, place) => `label ${place}`));
    const own = [...counts.keys()].map((label) => colorOf(label)).filter((look) => look !== OTHER_LABELS);
    expect(new Set(own).size).toBe(LABEL_COLORS.length);
    expect([10, 11, 12, 13].map((place) => colorOf(`label ${place}`))).toEqual(Array(4).fill(OTHER_LABELS));
  });

  test('do not depend on the order of the findings', () => {
    const findings = ['b', 'a', 'c', 'a', 'b'].map((label) => ({ label }));
    expect(coloredLabels(countsByLabel(findings))).toEqual(['a', 'b', 'c']);
    expect(coloredLabels(countsByLabel(findings.toReversed()))).toEqual(['a', 'b', 'c']);
  });
});

describe('severities', () => {
  test.each(pairs(Severity.options))('%s and %s differ by weight and by mark, whatever the colors are', (one, other) => {
    expect(SEVERITY_LOOKS[one].mark).not.toBe(SEVERITY_LOOKS[other].mark);
    const [thin, thick] = [SEVERITY_LOOKS[one].weight, SEVERITY_LOOKS[other].weight].sort((a, b) => a - b);
    expect((thick ?? 0) / (thin ?? 1)).toBeGreaterThanOrEqual(1.2);
  });

  test('stand before the name, which ends in the score', () => {
    expect(nameOf({ text: null, label: 'crack', severity: 'high', score: 0.876 })).toBe('!! crack 0.88');
    expect(nameOf({ text: '9.4 m²', label: 'text', severity: 'info', score: 1 })).toBe('9.4 m² 1.00');
  });
});
