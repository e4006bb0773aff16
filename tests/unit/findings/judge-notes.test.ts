// What the findings state about the decisions of the judge.
import { expect, test } from 'vitest';
import { type Verdict, withVerdicts } from '../../../pipeline/findings/verification.ts';
import { finding } from '../../support/tool-calls.ts';

const JUDGE = 'openai:judge';

test('a note counts what the judge confirmed, corrected and rejected, and not what was verified', () => {
  const findings = [1, 2, 3, 4, 5].map((index) => finding(index));
  const instead = { label: 'dog', description: '', severity: 'info', text: null, box: [0, 0, 20, 20] } as const;
  const verdicts = new Map<string, Verdict>([
    ['f1', { verdict: 'confirmed', judge: JUDGE }],
    ['f2', { verdict: 'rejected', judge: JUDGE }],
    ['f3', { verdict: 'corrected', instead: { ...instead, box: [...instead.box] }, judge: JUDGE }],
    ['f4', { verdict: 'none', reason: 'The answer was cut off.', judge: JUDGE }],
    ['f5', { verdict: 'rejected' }],
  ]);
  expect(withVerdicts(findings, verdicts).notes).toEqual([
    'The judge (openai:judge) decided on 3 findings: 1 confirmed, 1 corrected, 1 rejected.',
    '1 finding was not judged: The answer was cut off.',
  ]);
  expect(withVerdicts(findings, new Map([['f5', { verdict: 'rejected' as const }]])).notes).toEqual([]);
});
