import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FindingsDocument } from '../../../pipeline/contract/schemas.ts';
import { documentOf, exportedFiles, findings, hostileWords, IMAGE } from '../../support/exported-findings.ts';
import { finding } from '../../support/tool-calls.ts';
import { readYolo } from '../../support/yolo-reader.ts';

const filesOf = (document: FindingsDocument) => exportedFiles('yolo', document);
const labelsOf = (document: FindingsDocument) => readYolo(filesOf(document), { ...IMAGE, name: 'site plan.jpg' });

describe('the YOLO export', () => {
  test('is a data set with labels beside the image', () => {
    const document = documentOf([
      finding(1, { label: 'person', box: [1_000, 750, 2_000, 1_500] }),
      finding(2, { label: 'cat', box: [0, 0, 4_000, 3_000] }),
      finding(3, { label: 'dog', verified: 'rejected' }),
    ]);
    expect(Object.fromEntries(filesOf(document))).toEqual({
      'data.yaml': `# Findings of the tilesight execution ${document.execution_id}.
# Before training, save the image as images/site plan.jpg
train: images
val: images
names:
  0: "cat"
  1: "person"
`,
      'labels/site plan.txt': `1 0.50000000 0.50000000 0.50000000 0.50000000
0 0.50000000 0.50000000 1.00000000 1.00000000
`,
    });
  });

  test('gives the boxes and labels of all findings that were not rejected, whatever they are', () => {
    fc.assert(
      fc.property(findings, (all) => {
        const kept = all.filter(({ verified }) => verified !== 'rejected');
        const labels = labelsOf(documentOf(all));
        expect(labels.map(({ name }) => name)).toEqual(kept.map(({ label }) => label.toWellFormed()));
        for (const [index, { box }] of kept.entries()) expectClose(labels[index]?.box, box);
      }),
    );
  });

  test('numbers the classes the same for the same labels in any order', () => {
    const named = ['cup', 'person', 'cat'].map((label, index) => finding(index, { label }));
    const yaml = filesOf(documentOf(named)).get('data.yaml');
    expect(filesOf(documentOf(named.toReversed())).get('data.yaml')).toBe(yaml);
    expect(labelsOf(documentOf(named)).map(({ name }) => name)).toEqual(['cup', 'person', 'cat']);
  });

  test('is a background image without findings', () => {
    const files = filesOf(documentOf([finding(1, { verified: 'rejected' })]));
    expect(files.get('labels/site plan.txt')).toBe('');
    expect(files.get('data.yaml')).toMatch(/^names: \{\}$/m);
    expect(labelsOf(documentOf([]))).toEqual([]);
  });

  test('has a row for each of 1,700 findings', () => {
    expect(labelsOf(documentOf(Array.from({ length: 1_700 }, (_, index) => finding(index))))).toHaveLength(1_700);
  });

  test('cuts a box at the edge of the image, because one number above 1 would cost all labels', () => {
    const [label] = labelsOf(documentOf([finding(1, { box: [3_999, 0, 9_000, 3_000.1] })]));
    expectClose(label?.box, [3_999, 0, 1, 3_000]);
  });

  test.each(hostileWords)('keeps %s as the name of one class', (_, label) => {
    const document = documentOf([finding(1, { label }), finding(2)]);
    expect(labelsOf(document).map(({ name }) => name)).toEqual([label.toWellFormed(), 'person']);
    for (const text of filesOf(document).values()) {
      expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cs}\u2028-\u202E\u2066-\u2069]/u);
    }
  });

  function expectClose(got: readonly number[] | undefined, expected: readonly number[]): void {
    expect(got).toHaveLength(4);
    const off = expected.map((side, index) => Math.abs(side - (got?.[index] ?? Number.NaN)));
    expect(Math.max(...off)).toBeLessThan(1e-4);
  }
});
