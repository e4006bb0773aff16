import { describe, expect, test } from 'vitest';
import { withKnownCitations } from '../../../pipeline/findings/citations.ts';

const findings = [{ id: 'f1' }, { id: 'f2' }, { id: 'f12' }];

describe('a summary', () => {
  test.each([
    ['keeps ids of findings', 'A crack (f1) beside rust (f2, f12).', 'A crack (f1) beside rust (f2, f12).'],
    ['loses unknown ids with their brackets', 'A crack (f3) beside rust (f2).', 'A crack beside rust (f2).'],
    ['loses one of several in the middle', 'Rust (f1, f99, f2).', 'Rust (f1, f2).'],
    ['loses the first of several', 'Rust (f99, f2).', 'Rust (f2).'],
    ['loses the last of several', 'Rust (f1, f99).', 'Rust (f1).'],
    ['loses one in running text', 'See f99, f1.', 'See, f1.'],
    ['keeps words that only look like ids', 'A half1 of f1b and pdf2.', 'A half1 of f1b and pdf2.'],
  ])('%s', (_, summary, expected) => {
    const cited = withKnownCitations(summary, findings);
    expect(
      cited.replace(
        / (1 citation of a finding that does not exist was|\d+ citations of findings that do not exist were) removed\.$/,
        '',
      ),
    ).toBe(expected);
    expect(cited === expected).toBe(summary === expected); // a note states every removal
  });

  test('states how many citations were removed', () => {
    expect(withKnownCitations('A (f98) and B (f99).', findings)).toContain(
      '2 citations of findings that do not exist were removed.',
    );
  });

  test('that is too long ends after a sentence', () => {
    const cited = withKnownCitations('A crack is here. '.repeat(500), findings);
    expect(cited.length).toBeLessThanOrEqual(2_000);
    expect(cited).toMatch(/here\. …$/);
  });

  test('holds nothing that controls a terminal or turns text around', () => {
    const summary = 'Two \u001b[31mcats\u001b[0m (f1)\u0007.\nOne \u202edog\u202c\u0000.\tEnd.';
    expect(withKnownCitations(summary, [{ id: 'f1' }])).toBe('Two  [31mcats [0m (f1) .\nOne  dog  . End.');
  });
});
