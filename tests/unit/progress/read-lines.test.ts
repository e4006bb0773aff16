import { describe, expect, it } from 'vitest';
import { at } from '../../../pipeline/contract/at.ts';
import type { Box, Detection } from '../../../pipeline/contract/schemas.ts';
import { levelsOf, type PlannedTile, tilesOf } from '../../../pipeline/planning/grid.ts';
import { readLines } from '../../../pipeline/progress/read-lines.ts';

const PPOCR = 'onnx:ppocr';
const IMAGE = { width: 2_000, height: 1_500 };
const [STRIDE_PX, MARGIN_PX] = [480, 80];
const TILES = tilesOf({
  ...IMAGE,
  stridePx: STRIDE_PX,
  marginPx: MARGIN_PX,
  levels: levelsOf(IMAGE, STRIDE_PX, MARGIN_PX),
  region: null,
});

function tileAt(level: number, row: number, column: number): PlannedTile {
  return at(
    TILES.filter((tile) => tile.level === level && tile.row === row && tile.column === column),
    0,
  );
}

function line(box: Box, more: Partial<Detection> = {}): Detection {
  return { label: 'text', description: 'text: EXIT', score: 0.95, severity: 'info', box, text: 'EXIT', ...more };
}

describe('lines that were read', () => {
  it('are known in coarser tiles that show them whole, in pixels of these', () => {
    const lines = readLines(IMAGE);
    lines.add(PPOCR, tileAt(0, 1, 1), [line([100, 200, 120, 24])]); // at 500, 600 in the image
    expect(lines.of(PPOCR, tileAt(1, 0, 0))).toEqual([{ box: [250, 300, 60, 12], text: 'EXIT', score: 0.95 }]);
    expect(lines.of(PPOCR, tileAt(1, 0, 1))).toEqual([]);
    expect(lines.of(PPOCR, tileAt(2, 0, 0))).toEqual([{ box: [125, 150, 30, 6], text: 'EXIT', score: 0.95 }]);
  });

  it('are not known to other models, nor on their own level, nor where they are too thin to be found', () => {
    const lines = readLines(IMAGE);
    lines.add(PPOCR, tileAt(0, 1, 1), [line([100, 200, 120, 12])]);
    expect(lines.of('onnx:mine', tileAt(1, 0, 0))).toEqual([]);
    expect(lines.of(PPOCR, tileAt(0, 1, 1))).toEqual([]);
    expect(lines.of(PPOCR, tileAt(1, 0, 0))).toHaveLength(1);
    expect(lines.of(PPOCR, tileAt(2, 0, 0))).toEqual([]);
  });

  it.each([
    ['that is hardly legible', line([100, 200, 120, 24], { score: 0.89 })],
    ['that may continue in the next tile', line([500, 200, 120, 24])],
    ['at an angle', line([100, 200, 120, 24], { angle: 30, polygon: [] })],
    ['of no text', line([100, 200, 120, 24], { text: null })],
  ])('leave out one %s', (_, detection) => {
    const lines = readLines(IMAGE);
    lines.add(PPOCR, tileAt(0, 1, 1), [detection]);
    expect(lines.of(PPOCR, tileAt(1, 0, 0))).toEqual([]);
  });

  it('may touch the side of the image, where nothing continues', () => {
    const lines = readLines(IMAGE);
    lines.add(PPOCR, tileAt(0, 0, 0), [line([0, 2, 120, 24])]);
    expect(lines.of(PPOCR, tileAt(1, 0, 0))).toHaveLength(1);
  });
});
