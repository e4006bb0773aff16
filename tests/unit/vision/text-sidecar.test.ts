import { describe, expect, test } from 'vitest';
import { writeSidecar } from '../../../pipeline/vision/detectors/sidecar.ts';
import { dictionaryOf, scriptsOf } from '../../../pipeline/vision/detectors/text-model-files.ts';
import { parseAnySidecar, type TextSidecar } from '../../../pipeline/vision/detectors/text-sidecar.ts';

const FILE = { sha256: 'a'.repeat(64), bytes: 100 };
const SIDECAR: TextSidecar = {
  version: 1,
  kind: 'ocr',
  scripts: ['Cyrillic'],
  detector: FILE,
  reader: FILE,
  dictionary: FILE,
  license: null,
  description: null,
};

describe('detector.json of a text model', () => {
  test('is read as it was written', () => {
    expect(parseAnySidecar(writeSidecar(SIDECAR))).toEqual(SIDECAR);
  });

  test.each([
    [{ kind: 'text' }, 'detector.json: kind must be one of ocr; it is "text".'],
    [{ scripts: [] }, 'detector.json: scripts: expected at least one script; it is [].'],
    [{ layout: 'yolov8' }, 'detector.json has an unknown field: layout. It may have version, kind, scripts, detector,'],
    [{ reader: { ...FILE, sha256: 'b' } }, 'detector.json: reader.sha256: expected the sha256 of the model file in hexadecimal'],
  ])('with %o is refused with the field', (changed, sentence) => {
    expect(() => parseAnySidecar(JSON.stringify({ ...SIDECAR, ...changed }))).toThrow(sentence);
  });
});

describe('a dictionary', () => {
  const letters = (from: string, to: string) =>
    Array.from({ length: (to.codePointAt(0) ?? 0) - (from.codePointAt(0) ?? 0) + 1 }, (_, index) =>
      String.fromCodePoint((from.codePointAt(0) ?? 0) + index),
    );

  test('has one character a line, and may end without a line break', () => {
    expect(dictionaryOf('a\r\n \r\n%\r\n')).toEqual(['a', ' ', '%']);
    expect(dictionaryOf('a\nb')).toEqual(['a', 'b']);
  });

  test('shows the scripts that a model reads: those with 20 letters, the most frequent first', () => {
    expect(scriptsOf([...letters('а', 'я'), ...letters('a', 'z'), ...letters('0', '9'), ...letters('α', 'κ')])).toEqual([
      'Cyrillic',
      'Latin',
    ]);
    expect(scriptsOf([...letters('א', 'ת'), '1'])).toEqual(['Hebrew']);
    expect(scriptsOf(letters('!', '?'))).toEqual(['digits and signs']);
  });
});
