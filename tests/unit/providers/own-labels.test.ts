// Which models are registered detectors, and which of their labels words mean.
import { describe, expect, test } from 'vitest';
import { preferredTileOf, tileEdgeOf } from '../../../pipeline/planning/tile-preferences.ts';
import { detectorName, isDetectorName, isOwnDetector } from '../../../pipeline/providers/detector-names.ts';
import { vocabularyOf } from '../../../pipeline/providers/own-labels.ts';

test('names are safe as folders, keys and ids, and are not those of built-in models', () => {
  expect(['gauges', 'yolo11n', 'v8.1-x_2', 'a', '7', 'a'.repeat(40)].filter((name) => !isDetectorName(name))).toEqual([]);
  const bad = [
    '',
    '.',
    '..',
    'a..b',
    '../a',
    'a/b',
    'a\\b',
    'A',
    'ä',
    'a b',
    'a\n',
    '-a',
    '.a',
    'a.',
    'a'.repeat(41),
    'nanodet',
    'ppocr',
    'nsfw',
  ];
  expect(bad.filter(isDetectorName)).toEqual([]);
});

test('every other name after onnx: can only be a registered detector', () => {
  expect(['onnx:gauges', 'onnx:GAUGES', 'onnx:../x'].map(isOwnDetector)).toEqual([true, true, true]);
  expect(['onnx:nanodet', 'onnx:ppocr', 'onnx:nsfw', 'openai:gauges'].map(isOwnDetector)).toEqual([false, false, false, false]);
  expect(['onnx:gauges', 'onnx:GAUGES', 'onnx:../x', 'openai:x'].map(detectorName)).toEqual(['gauges', null, null, null]);
});

describe('the labels of a detector', () => {
  const { meant, namedIn, labels } = vocabularyOf(['Stop sign', 'sign', null, 'battery', 'person', 'sign', 'BOX', '阀门', '@']);

  test('are listed once, without classes that have no name', () => {
    expect(labels).toEqual(['Stop sign', 'sign', 'battery', 'person', 'BOX', '阀门', '@']);
  });

  test.each([
    ['stop_sign', ['Stop sign']],
    ['STOP-SIGNS', ['Stop sign']],
    ['batteries', ['battery']],
    ['boxes', ['BOX']],
    ['people', ['person']],
    ['阀门', ['阀门']],
    ['@', ['@']],
    ['pump', []],
    ['car', []],
    ['', []],
    [' ', []],
  ])('"%s" means %j', (words, expected) => {
    expect(meant(words)).toEqual(expected);
  });

  test('the longest label in a sentence counts', () => {
    expect(namedIn('People beside stop signs, and batteries.')).toEqual(['Stop sign', 'battery', 'person']);
    expect(namedIn('a sign with boxes')).toEqual(['sign', 'BOX']);
    expect(namedIn('')).toEqual([]);
  });

  test('are found in a long request in time', () => {
    const many = vocabularyOf(Array.from({ length: 10_000 }, (_, index) => `part number ${index}`));
    const began = performance.now();
    expect(many.namedIn(`${'part '.repeat(399)}part number 7777`)).toEqual(['part number 7777']);
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});

describe('the tile of a registered detector', () => {
  const detector = (model: string, width: number, height: number) => ({
    ...{ model, version: 'v', notes: [] },
    tile_edge: tileEdgeOf({ width, height }),
  });

  test('has the size of its input, with an overlap of a quarter', () => {
    expect(preferredTileOf(['onnx:a'], [detector('onnx:a', 416, 416)])).toEqual({ edgePx: 416, overlapPx: 104 });
    expect(preferredTileOf(['onnx:a'], [detector('onnx:a', 1_280, 736)])).toEqual({ edgePx: 736, overlapPx: 184 });
    expect(preferredTileOf(['onnx:a'], [detector('onnx:a', 32, 64)])).toEqual({ edgePx: 128, overlapPx: 32 });
  });

  test('is the smallest one if several models detect', () => {
    const detectors = [detector('onnx:a', 1_280, 1_280), detector('onnx:b', 416, 416)];
    expect(preferredTileOf(['onnx:a', 'onnx:nanodet'], detectors).edgePx).toBe(640);
    expect(preferredTileOf(['onnx:a', 'onnx:nanodet', 'onnx:b'], detectors).edgePx).toBe(416);
    expect(preferredTileOf(['onnx:a', 'onnx:ppocr'], detectors).edgePx).toBe(1_024);
  });
});
