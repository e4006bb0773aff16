import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { at } from '../../../pipeline/contract/at.ts';
import type { Finding } from '../../../pipeline/contract/schemas.ts';
import * as columns from '../../../pipeline/findings/finding-columns.ts';
import { FIRST_FILTER, type Filter, filtered, NO_FILTER } from '../../../web/execution/filter.ts';
import { findingsOf, SEVERITIES, VERDICTS } from '../../../web/shared/findings.ts';
import { clustersOf } from '../../../web/viewer/clusters.ts';
import { finding } from '../../support/report-material.ts';

const IMAGE = { uri: 'upload://plan.png', width: 4_000, height: 3_000, format: 'png', version: '1' };
const LABELS = ['cat', 'cup', 'door'];

const findingLists = fc
  .array(
    fc.record({
      label: fc.constantFrom(...LABELS),
      severity: fc.constantFrom(...SEVERITIES),
      verified: fc.constantFrom(null, 'confirmed' as const, 'corrected' as const, 'rejected' as const),
      score: fc.integer({ min: 0, max: 1_000 }).map((thousandths) => thousandths / 1_000),
      box: fc.tuple(...[3_000, 2_000, 999, 999].map((max) => fc.integer({ min: 1, max }))).map((box) => box as Finding['box']),
    }),
    { maxLength: 40 },
  )
  .map((all) => all.map((fields, index) => finding(index + 1, fields)));

const pageFindings = (findings: Finding[]) => findingsOf(columns.columnsOf({ image: IMAGE, findings }));

const places = (count: number) => fc.uniqueArray(fc.nat({ max: count - 1 })).map((chosen) => new Set(chosen));
const filters: fc.Arbitrary<Filter> = fc.record({
  hiddenLabels: places(LABELS.length),
  hiddenSeverities: places(SEVERITIES.length),
  hiddenVerdicts: places(VERDICTS.length),
  scoreFrom: fc.integer({ min: 0, max: 500 }),
  scoreTo: fc.integer({ min: 300, max: 1_000 }),
});

describe('a filter of the page', () => {
  test('numbers severities and verdicts as the server does', () => {
    expect([SEVERITIES, VERDICTS]).toEqual([columns.SEVERITIES, columns.VERDICTS]);
  });

  test('shows a finding if its label, severity, verdict and score are all shown', () => {
    fc.assert(
      fc.property(findingLists, filters, (list, filter) => {
        const findings = pageFindings(list);
        const expected = list.flatMap(({ label, severity, verified, score }, row) => {
          const shown =
            !filter.hiddenLabels.has(findings.labels.indexOf(label)) &&
            !filter.hiddenSeverities.has(SEVERITIES.indexOf(severity)) &&
            !filter.hiddenVerdicts.has(VERDICTS.indexOf(verified ?? 'none')) &&
            Math.round(score * 1_000) >= filter.scoreFrom &&
            Math.round(score * 1_000) <= filter.scoreTo;
          return shown ? [row] : [];
        });
        expect([...filtered(findings, filter).rows]).toEqual(expected);
      }),
    );
  });

  test('counts for each choice what the choice alone would show', () => {
    fc.assert(
      fc.property(findingLists, filters, (list, filter) => {
        const findings = pageFindings(list);
        const { byLabel, bySeverity, byVerdict } = filtered(findings, filter);
        const except = (count: number, place: number) =>
          new Set(Array.from({ length: count }, (_, one) => one).filter((one) => one !== place));
        const rowsWith = (change: Partial<Filter>) => filtered(findings, { ...filter, ...change }).rows.length;
        for (const [place, count] of byLabel.entries())
          expect(count).toBe(rowsWith({ hiddenLabels: except(byLabel.length, place) }));
        for (const [place, count] of bySeverity.entries())
          expect(count).toBe(rowsWith({ hiddenSeverities: except(SEVERITIES.length, place) }));
        for (const [place, count] of byVerdict.entries())
          expect(count).toBe(rowsWith({ hiddenVerdicts: except(VERDICTS.length, place) }));
      }),
    );
  });

  test('hides at first only what verification rejected', () => {
    const findings = pageFindings([finding(1), finding(2, { verified: 'rejected' }), finding(3, { verified: 'corrected' })]);
    expect([...filtered(findings, FIRST_FILTER).rows]).toEqual([0, 2]);
    expect([...filtered(findings, NO_FILTER).rows]).toEqual([0, 1, 2]);
  });
});

describe('clusters', () => {
  test('hold every shown finding once, at the mean of the centers, with the highest severity', () => {
    fc.assert(
      fc.property(findingLists, filters, fc.constantFrom(64, 512, 8_192), (list, filter, cellPx) => {
        const findings = pageFindings(list);
        const { rows } = filtered(findings, filter);
        const clusters = clustersOf(findings, rows, cellPx);
        expect(clusters.reduce((sum, cluster) => sum + cluster.findings, 0)).toBe(rows.length);
        if (cellPx === 8_192 && rows.length > 0) {
          const centers = [...rows].map((row) => {
            const [left, top, width, height] = findings.boxOf(row);
            return [left + width / 2, top + height / 2] as const;
          });
          const mean = (axis: 0 | 1) => centers.reduce((sum, center) => sum + center[axis], 0) / centers.length;
          const labels = new Set([...rows].map((row) => at(findings.label, row)));
          const label = labels.size === 1 ? at([...labels], 0) : null;
          const severity = Math.max(...[...rows].map((row) => at(findings.severity, row)));
          expect(clusters).toEqual([
            {
              x: expect.closeTo(mean(0), 6),
              y: expect.closeTo(mean(1), 6),
              findings: rows.length,
              severity,
              label,
              row: rows[0],
            },
          ]);
        }
      }),
    );
  });
});
