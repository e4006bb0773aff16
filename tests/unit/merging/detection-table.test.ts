import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { at } from '../../../pipeline/contract/at.ts';
import type { Box, Detection } from '../../../pipeline/contract/schemas.ts';
import { SIDE } from '../../../pipeline/merging/box-columns.ts';
import { DetectionTable } from '../../../pipeline/merging/detection-table.ts';
import { intersectionOf, iou } from '../../../pipeline/planning/geometry.ts';
import { type PlannedTile, tilesOf } from '../../../pipeline/planning/grid.ts';
import { planTiles } from '../../../pipeline/planning/plan.ts';

const IMAGE = { width: 1_001, height: 701 };
const PLAN = planTiles(
  IMAGE,
  { detail: 'fine', tile_size: 256, overlap: 64, grid: null, region: null, max_tiles: null, skip_blank: true },
  { edgePx: 256, overlapPx: 64 },
);
const TILES = tilesOf(PLAN);

const cup = (box: Box, score = 0.9): Detection => ({
  label: 'cup',
  description: 'a cup',
  score,
  severity: 'info',
  box,
  text: null,
});

function tableOfTile(tile: PlannedTile, detections: Detection[], truncatedSides: number[] = []): DetectionTable {
  const table = new DetectionTable(detections.length, IMAGE);
  table.addTile(tile, detections);
  for (const [row, detection] of detections.entries()) table.add(detection, 0, truncatedSides[row] ?? 0);
  return table;
}

const px = fc.integer({ min: 0, max: 100 });
const side = fc.integer({ min: 1, max: 100 });
const anyBox: fc.Arbitrary<Box> = fc.tuple(px, px, side, side);

describe('the detection table', () => {
  test('computes intersection, IoU and the share inside another box as geometry.ts does', () => {
    fc.assert(
      fc.property(anyBox, anyBox, fc.constantFrom(0.1, 0.5, 0.7), (a, b, threshold) => {
        const table = tableOfTile(at(TILES, 0), [cup(a), cup(b)]);
        expect(table.intersection(0, 1)).toBe(intersectionOf(a, b));
        fc.pre(Math.abs(iou(a, b) - threshold) > 1e-9);
        expect(table.iouExceeds(0, 1, threshold)).toBe(iou(a, b) > threshold);
        const share = intersectionOf(a, b) / (a[2] * a[3]);
        fc.pre(Math.abs(share - threshold) > 1e-9);
        expect(table.isInside(0, 1, threshold)).toBe(share > threshold);
      }),
    );
  });

  test('holds boxes in image pixels, never outside the image', () => {
    for (const tile of TILES) {
      const [left, top, width, height] = tableOfTile(tile, [cup([0, 0, tile.boxInLevel[2], tile.boxInLevel[3]])]).box(0);
      expect([left, top, width, height]).toEqual(tile.box);
    }
  });

  test('adds a union that spans its parts and is truncated only at its own edges', () => {
    const parts = [cup([0, 10, 50, 20], 0.5), cup([40, 10, 60, 20], 0.8)];
    const table = tableOfTile(at(TILES, 0), parts, [SIDE.right | SIDE.top, SIDE.left | SIDE.right]);
    table.addUnion([0, 1], 1, at(parts, 1));
    expect(table.box(2)).toEqual([0, 10, 100, 20]);
    expect([table.score(2), table.secondScore(2)]).toEqual([Math.fround(0.8), 0.5]);
    expect(table.truncatedSides(2)).toBe(SIDE.right | SIDE.top);
    expect([0, 1, 2].map((row) => table.finalRow(row))).toEqual([2, 2, 2]);
    expect([...table.unmergedRows()]).toEqual([2]);
    expect(table.isStitchedBox(2)).toBe(true);
  });

  test('ranks any two different detections the same way around', () => {
    const texts = fc.constantFrom(null, '', 'A', 'B');
    const anyDetection = fc.record({ box: anyBox, score: fc.constantFrom(0.5, 0.9), text: texts }).map(
      ({ box, score, text }): Detection => ({
        label: 'cup',
        description: 'a cup',
        score,
        severity: 'info',
        box,
        text,
      }),
    );
    fc.assert(
      fc.property(anyDetection, anyDetection, (a, b) => {
        const table = tableOfTile(at(TILES, 0), [a, b]);
        const isSame = JSON.stringify(a) === JSON.stringify(b);
        expect(Math.sign(table.compare(0, 1))).toBe(isSame ? 0 : 0 - Math.sign(table.compare(1, 0)));
        if (!isSame) expect(table.compare(0, 1)).not.toBe(0);
      }),
    );
  });

  test('throws for a row that does not exist', () => {
    const table = tableOfTile(at(TILES, 0), [cup([0, 0, 10, 10])]);
    expect(() => table.left(1)).toThrow('Row 1 does not exist among 1.');
    expect(() => table.detection(1)).toThrow(RangeError);
  });
});
