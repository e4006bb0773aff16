// A report is one file that people send to each other: it stays below 8 MB, however many findings there are.
import { expect, test } from 'vitest';
import type { Finding } from '../../pipeline/contract/schemas.ts';
import { reportPage } from '../../pipeline/report/report-page.ts';
import { finding, HOSTILE, imagesOfMostBytes, materialWith, rowsIn } from '../support/report-material.ts';

const REPORT_BYTES_MAX = 8_000_000;

const many: [string, number, (at: number) => Partial<Finding>, { kept: number; shortened: boolean }][] = [
  ['few words', 100_000, (at) => ({ label: at % 2 ? 'cup' : 'cat' }), { kept: 100_000, shortened: false }],
  ['words of their own', 100_000, (at) => ({ description: `${at} is a cup with a handle` }), { kept: 100_000, shortened: true }],
  [
    'hostile words without end',
    20_000,
    (at) => ({ description: `${at} <&"'>`.repeat(250), text: `\u2028${at}`.repeat(400) }),
    { kept: 20_000, shortened: true },
  ],
  ['a label of their own', 200_000, (at) => ({ label: `${'l'.repeat(90)} ${at}` }), { kept: 30_000, shortened: false }],
];
test.each(many)('of very many findings with %s is below 8 MB, and states what it leaves out', (_, number, words, expected) => {
  const far = { box: [44_000, 44_000, 180, 120] as Finding['box'] };
  const findings = Array.from({ length: number }, (_, at) =>
    finding(at + 1, { ...far, description: 'cup', label: 'cup', ...words(at) }),
  );
  const bare = findings.map((one) => ({
    ...one,
    description: words(0).description === undefined ? one.label : one.description,
  }));
  const summary = HOSTILE.join(' ').repeat(3);
  const page = reportPage(materialWith(bare, { summary, notes: [...HOSTILE] }, { images: imagesOfMostBytes(bare) }));
  expect(Buffer.byteLength(page)).toBeLessThan(REPORT_BYTES_MAX);
  const kept = rowsIn(page).rows.length;
  expect(kept).toBeGreaterThanOrEqual(expected.kept);
  expect(page.includes(`findings.json has ${(number - kept).toLocaleString('en')} more.`)).toBe(kept < number);
  expect(page.includes('findings.json has them in full.')).toBe(expected.shortened);
});
