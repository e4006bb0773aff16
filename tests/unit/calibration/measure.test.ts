// What a calibration finds out, from reports of the marks in any convention.
import { describe, expect, test } from 'vitest';
import { type Chart, chartOf, chartsFor } from '../../../pipeline/calibration/chart.ts';
import { measure } from '../../../pipeline/calibration/measure.ts';
import { at } from '../../../pipeline/contract/at.ts';
import { intersectionOf } from '../../../pipeline/planning/geometry.ts';
import type { MarkSeen } from '../../../pipeline/ports.ts';
import {
  type Coordinates,
  coordinatesName,
  coordinatesNamed,
  coordinatesNames,
  fromNumbers,
  numbersOf,
} from '../../../pipeline/providers/coordinates.ts';

const CHARTS = chartsFor(1_024);

/** The marks of a chart as a model reports them that writes `own` numbers into a form for `asked`. */
function reported(chart: Chart, own: Coordinates, asked: Coordinates, shrink = 1): MarkSeen[] {
  const scale = {
    pixels: { width: chart.width * shrink, height: chart.height * shrink },
    thousandths: { width: 1_000, height: 1_000 },
    fractions: { width: 1, height: 1 },
  }[own.unit];
  const unit = own.unit === 'fractions' ? 10_000 : 1;
  return chart.marks.map(({ code, box: [left, top, width, height] }) => {
    const across = (px: number) => Math.round((px / chart.width) * scale.width * unit) / unit;
    const down = (px: number) => Math.round((px / chart.height) * scale.height * unit) / unit;
    const edges = { left: across(left), top: down(top), right: across(left + width), bottom: down(top + height) };
    return { label: `mark ${code}`, text: null, edges: fromNumbers(numbersOf(edges, own), asked) };
  });
}

describe('a chart', () => {
  test('has at least 40 marks of different sizes that do not overlap, inside of it', () => {
    for (const { width, height, marks } of chartsFor(768)) {
      expect(marks.length).toBeGreaterThanOrEqual(40);
      expect(new Set(marks.map(({ code }) => code)).size).toBe(marks.length);
      expect(new Set(marks.map(({ box }) => box[2])).size).toBeGreaterThan(10);
      for (const [index, { box }] of marks.entries()) {
        expect(intersectionOf(box, [0, 0, width, height])).toBe(box[2] * box[3]);
        for (const other of marks.slice(index + 1)) expect(intersectionOf(box, other.box)).toBe(0);
      }
    }
  });

  test('is the same for the same size, and the two of a calibration have different shapes', () => {
    expect(chartOf({ width: 800, height: 600 })).toEqual(chartOf({ width: 800, height: 600 }));
    const [a, b] = CHARTS.map(({ width, height }) => width / height);
    expect(Math.abs((a ?? 0) - (b ?? 0))).toBeGreaterThan(0.3);
  });
});

describe('the convention', () => {
  test.each(coordinatesNames())('%s is found, whatever was asked for', (name) => {
    const own = coordinatesNamed(name);
    for (const asked of ['thousandths', 'pixels-y-first'].map(coordinatesNamed)) {
      const measured = measure(CHARTS.map((chart) => ({ chart, seen: reported(chart, own, asked), asked })));
      expect(measured && coordinatesName(measured.coordinates)).toBe(name);
      expect(measured).toMatchObject({ isFit: true, missed: 0, seenLongerPx: null });
      expect(measured?.meanError).toBeLessThan(0.2);
      expect(measured?.scale.x).toBeCloseTo(1, 2);
    }
  });

  test('of pixels of a shrunk image comes with its longer edge', () => {
    const pixels = coordinatesNamed('pixels');
    const shrunkTo = (chart: Chart, px: number) => px / Math.max(chart.width, chart.height);
    const measured = measure(
      CHARTS.map((chart) => ({ chart, seen: reported(chart, pixels, pixels, shrunkTo(chart, 640)), asked: pixels })),
    );
    expect(measured).toMatchObject({ coordinates: pixels, isFit: true });
    expect(measured?.seenLongerPx).toBeGreaterThanOrEqual(637);
    expect(measured?.seenLongerPx).toBeLessThanOrEqual(643);
  });

  test('is found with a fifth of the marks missing and some mistaken for another', () => {
    const thousandths = coordinatesNamed('thousandths');
    const answers = CHARTS.map((chart) => {
      const all = reported(chart, thousandths, thousandths);
      const mistaken = all.slice(0, 3).map((mark, index) => ({ ...mark, edges: at(all, index + 10).edges }));
      return { chart, seen: [...mistaken, ...all.slice(3, 40)], asked: thousandths };
    });
    const measured = measure(answers);
    expect(measured && coordinatesName(measured.coordinates)).toBe('thousandths');
    expect(measured?.missed).toBe(16);
    expect(measured?.worstError).toBeGreaterThan(5);
  });

  test('of boxes at random places is not fit for boxes, and no report is nothing to measure', () => {
    const thousandths = coordinatesNamed('thousandths');
    const guessed = CHARTS.map((chart) => ({
      chart,
      asked: thousandths,
      seen: chart.marks.map(({ code }, index) => ({
        label: code,
        text: code,
        edges: {
          left: (index * 37) % 800,
          top: (index * 53) % 800,
          right: ((index * 37) % 800) + 100,
          bottom: ((index * 53) % 800) + 100,
        },
      })),
    }));
    expect(measure(guessed)).toMatchObject({ isFit: false });
    expect(measure(CHARTS.map((chart) => ({ chart, asked: thousandths, seen: [] })))).toBeNull();
  });
});
