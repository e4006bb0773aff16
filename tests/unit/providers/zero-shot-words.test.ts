import { expect, test } from 'vitest';
import { isOwnDetector, zeroShotName } from '../../../pipeline/providers/detector-names.ts';
import { selectOwn } from '../../../pipeline/providers/local-labels.ts';
import { wordsOf } from '../../../pipeline/providers/zero-shot-words.ts';

test.each([
  ['Find all red helmets, the crane and a forklift.', ['red helmets', 'crane', 'forklift']],
  ['cracks; rust or\nloose  bolts', ['cracks', 'rust', 'loose bolts']],
  ['a sandbox', ['sandbox']],
  ['sand and salt, Sand', ['sand', 'salt']],
  ['band saw', ['band saw']],
  [' , and ... ', []],
  ['大型起重机', ['大型起重机']],
  ['x'.repeat(300), ['x'.repeat(100)]],
])('the words of look_for %j are its phrases', (look_for, words) => {
  expect(wordsOf({ look_for, labels: [] })).toEqual(words);
});

test('labels come before look_for, as they are, each once', () => {
  expect(wordsOf({ look_for: 'cranes', labels: ['a red helmet', 'Crane', 'crane', ' '] })).toEqual(['a red helmet', 'Crane']);
  expect(wordsOf({ look_for: null, labels: [] })).toEqual([]);
});

test('a note names the words of a sentence, and says when there are none', () => {
  const notes = (look_for: string | null, labels: string[] = []) => selectOwn('hf:owl', null, { look_for, labels });
  expect(notes('a crane')).toMatchObject({
    wantsAny: true,
    notes: ['hf:owl searches for words, not sentences: from look_for it used "crane".'],
  });
  expect(notes(null, ['crane'])).toMatchObject({ wantsAny: true, notes: [] });
  expect(notes(null)).toMatchObject({ wantsAny: false, notes: [expect.stringContaining('Name things in words')] });
});

test('a name is one folder, never a path', () => {
  expect(['hf:owl', 'hf:../owl', 'hf:/owl', 'hf:a/b', 'hf:', 'hf:OWL', 'onnx:owl'].map(zeroShotName)).toEqual([
    'owl',
    ...Array.from({ length: 6 }, () => null),
  ]);
  expect(['hf:owl', 'hf:../owl'].map(isOwnDetector)).toEqual([true, true]);
});
