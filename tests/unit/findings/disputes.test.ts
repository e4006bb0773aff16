// On which findings models differ, how they are grouped for the judge, and what its verdicts change.
import { describe, expect, test } from 'vitest';
import type { Box, Finding, ModelId } from '../../../pipeline/contract/schemas.ts';
import { boxAround, recordsModels, selectDisputes } from '../../../pipeline/findings/disputes.ts';
import { selectForVerification, type Verdict, withVerdicts } from '../../../pipeline/findings/verification.ts';

const [A, B, C, JUDGE] = ['test:a', 'test:b', 'test:c', 'test:judge'];

function finding(id: string, box: Box, said_by: ModelId[] | undefined, more: Partial<Finding> = {}): Finding {
  const plain: Finding = {
    id,
    label: 'cat',
    description: '',
    score: 0.9,
    severity: 'info',
    box,
    text: null,
    level: 0,
    tiles: [0],
    verified: null,
  };
  return { ...plain, ...(said_by && { said_by }), ...more };
}

const request = (detection: ModelId[], { judge = JUDGE, verify = false }: { judge?: ModelId | null; verify?: boolean } = {}) => ({
  verify,
  models: { moderation: null, detection, verification: null, synthesis: 'rules:summary', ...(judge !== null && { judge }) },
});
const idsOf = (groups: readonly Finding[][]) => groups.map((group) => group.map(({ id }) => id));

describe('the judge decides', () => {
  test('on findings that a language model among the detection models did not report', () => {
    const findings = [
      finding('f1', [0, 0, 10, 10], [A, B, C]),
      finding('f2', [20, 0, 10, 10], [A, C]),
      finding('f3', [40, 0, 10, 10], [B]),
      finding('f4', [60, 0, 10, 10], undefined), // of tile results that name no model
    ];
    expect(idsOf(selectDisputes(findings, request([A, B, C])).groups)).toEqual([['f2', 'f3']]);
    expect(selectDisputes(findings, request([A, B, C], { judge: null }))).toEqual({ groups: [], notes: [] });
  });

  test('whatever local models did not report: they know a fixed list of labels', () => {
    const findings = [finding('f1', [0, 0, 10, 10], [A]), finding('f2', [20, 0, 10, 10], ['onnx:nanodet'])];
    expect(idsOf(selectDisputes(findings, request([A, 'onnx:nanodet'])).groups)).toEqual([['f2']]);
    expect(recordsModels({ detection: ['onnx:nanodet', 'onnx:ppocr'] })).toBe(false);
    expect(selectDisputes(findings, request(['onnx:nanodet', 'onnx:ppocr']))).toEqual({
      groups: [],
      notes: ['The judge has nothing to decide: it needs several detection models, one of them a language model.'],
    });
  });

  test('on findings of one area and level together, at most eight at once', () => {
    const here = Array.from({ length: 9 }, (_, index) => finding(`f${index + 1}`, [index * 20, 0, 10, 10], [A]));
    const far = finding('f10', [5_000, 0, 10, 10], [A]);
    const coarse = finding('f11', [0, 0, 10, 10], [A], { level: 2 });
    const { groups } = selectDisputes([...here, far, coarse], request([A, B]));
    expect(groups.map(({ length }) => length).toSorted()).toEqual([1, 1, 1, 8]);
  });

  test('on claims about one object together, also across the edge of an area', () => {
    const [cat, dog] = [finding('f1', [505, 100, 12, 12], [A]), finding('f2', [507, 100, 12, 12], [B], { label: 'dog' })];
    expect(idsOf(selectDisputes([cat, dog], request([A, B])).groups)).toEqual([['f1', 'f2']]);
  });

  test('at most 100 times, or 50 if findings are verified as well: severe ones first, and a note counts the rest', () => {
    const many = Array.from({ length: 130 }, (_, index) =>
      finding(`f${index + 1}`, [index * 2_000, 0, 10, 10], [A], index === 129 ? { severity: 'critical' } : {}),
    );
    const judged = selectDisputes(many, request([A, B]));
    expect(judged.groups).toHaveLength(100);
    expect(judged.groups[0]?.[0]?.id).toBe('f130');
    expect(judged.notes).toEqual([
      '30 findings on which the models differ were not judged: an analysis calls the judge at most 100 times.',
    ]);
    expect(selectDisputes(many, request([A, B], { verify: true })).groups).toHaveLength(50);
  });

  test('on 100,000 findings within seconds', () => {
    const many = Array.from({ length: 100_000 }, (_, index) =>
      finding(`f${index}`, [(index % 400) * 60, Math.floor(index / 400) * 60, 40, 40], [A]),
    );
    const began = performance.now();
    selectDisputes(many, request([A, B]));
    expect(performance.now() - began).toBeLessThan(5_000); // a loaded machine takes several times longer
  });
});

test('the crop of a group shows all of its findings', () => {
  expect(boxAround([finding('f1', [10, 20, 5, 5], [A]), finding('f2', [40, 0, 10, 10], [B])])).toEqual([10, 0, 40, 25]);
});

test('verification has what the judge leaves: other findings, and other calls', () => {
  const doubtful = Array.from({ length: 10 }, (_, index) => finding(`f${index}`, [0, 0, 1, 1], [A, B], { score: 0.5 }));
  expect(selectForVerification(doubtful, 4, new Set(doubtful.slice(0, 8))).map(({ id }) => id)).toEqual(['f8', 'f9']);
  expect(selectForVerification(doubtful, 4)).toHaveLength(4);
});

describe('the verdict of a judge', () => {
  const verdicts = (...all: [string, Verdict][]) => new Map(all);
  const corrected = (label: string, box: Box): Verdict => ({
    verdict: 'corrected',
    instead: { label, description: label, severity: 'info', text: null, box },
    judge: JUDGE,
  });

  test('is in the finding with the model, and with the reported label if it corrects it', () => {
    const findings = [finding('f1', [0, 0, 9, 9], [A]), finding('f2', [20, 0, 9, 9], [A]), finding('f3', [40, 0, 9, 9], [A])];
    const given = verdicts(
      ['f1', { verdict: 'confirmed', judge: JUDGE }],
      ['f2', { verdict: 'rejected', judge: JUDGE }],
      ['f3', corrected('fox', [41, 0, 9, 9])],
    );
    expect(withVerdicts(findings, given).findings).toMatchObject([
      { verified: 'confirmed', judged: { by: JUDGE, verdict: 'confirmed' } },
      { verified: 'rejected', judged: { by: JUDGE, verdict: 'rejected' } },
      { label: 'fox', box: [41, 0, 9, 9], verified: 'corrected', judged: { by: JUDGE, verdict: 'corrected', label: 'cat' } },
    ]);
  });

  test('that corrects a claim into another finding rejects it, and of two equal corrections one remains', () => {
    const dog = finding('f1', [0, 0, 10, 10], [B], { label: 'Dog' });
    const claims = [
      finding('f2', [0, 0, 10, 10], [A]),
      finding('f3', [50, 0, 10, 10], [A]),
      finding('f4', [51, 0, 10, 10], [B], { label: 'rat' }),
    ];
    const given = verdicts(
      ['f2', corrected('dog', [0, 0, 10, 10])],
      ['f3', corrected('fox', [50, 0, 10, 10])],
      ['f4', corrected('fox', [50, 0, 10, 10])],
    );
    const { findings } = withVerdicts([dog, ...claims], given);
    expect(findings.map(({ verified }) => verified)).toEqual([null, 'rejected', 'corrected', 'rejected']);
    expect(findings[1]?.judged).toEqual({ by: JUDGE, verdict: 'rejected', label: 'cat' });
  });

  test('that is missing has a note of its own', () => {
    const findings = [finding('f1', [0, 0, 9, 9], [A]), finding('f2', [20, 0, 9, 9], [A])];
    const given = verdicts(
      ['f1', { verdict: 'none', reason: 'It is silent.', judge: JUDGE }],
      ['f2', { verdict: 'none', reason: 'It is silent.' }],
    );
    expect(withVerdicts(findings, given)).toEqual({
      findings,
      notes: ['1 finding was not judged: It is silent.', '1 finding was not verified: It is silent.'],
    });
  });
});
