import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AnalysisRequest, Box } from '../pipeline/core/contract.ts';
import { Detail } from '../pipeline/core/contract.ts';
import { intersectionOf } from '../pipeline/core/geometry.ts';
import { type Plan, type PlannedTile, planTiles, TILES_BY_DETAIL, TILES_MAX, tilesOf } from '../pipeline/core/plan.ts';

const NANODET = { edgePx: 640, overlapPx: 160 };
const STANDARD: AnalysisRequest['plan'] = { detail: 'standard', tile_size: null, overlap: null };

const anyPlan = fc
  .record({
    width: fc.integer({ min: 1, max: 40_000 }),
    height: fc.integer({ min: 1, max: 40_000 }),
    detail: fc.constantFrom(...Detail.options.filter((detail) => detail !== 'max')),
    edge: fc.option(fc.integer({ min: 128, max: 4_096 })),
    share: fc.double({ min: 0, max: 0.5, noNaN: true }),
  })
  .map(({ width, height, detail, edge, share }) => {
    const overlap = edge === null ? null : Math.floor(edge * share);
    return planTiles({ width, height }, { detail, tile_size: edge, overlap }, NANODET);
  });

const levelTiles = (plan: Plan) => plan.levels.map((level) => tilesOf(plan).filter((tile) => tile.level === level.level));
const inside = (a: Box, b: Box) => intersectionOf(a, b) === a[2] * a[3];

describe('a plan', () => {
  test('covers every pixel of every level', () => {
    fc.assert(
      fc.property(anyPlan, (plan) => {
        for (const level of plan.levels) {
          const tiles = tilesOf(plan).filter((tile) => tile.level === level.level);
          const along = (axis: 0 | 1) =>
            tiles.map(({ boxInLevel }) => [boxInLevel[axis], boxInLevel[axis] + boxInLevel[axis === 0 ? 2 : 3]] as const);
          expect(gap(along(0), level.width)).toBeNull();
          expect(gap(along(1), level.height)).toBeNull();
        }
      }),
    );
  });

  test('has no tile inside another of its level', () => {
    fc.assert(
      fc.property(anyPlan, (plan) => {
        for (const tiles of levelTiles(plan)) {
          const nested = tiles.filter((tile) =>
            neighboursOf(tile, tiles).some((other) => inside(tile.boxInLevel, other.boxInLevel)),
          );
          expect(nested).toEqual([]);
        }
      }),
    );
  });

  test('stays within the tiles of its detail and ends in one tile', () => {
    fc.assert(
      fc.property(anyPlan, (plan) => {
        expect(tilesOf(plan).length).toBeLessThanOrEqual(TILES_MAX);
        expect(plan.levels.at(-1)).toMatchObject({ columns: 1, rows: 1 });
      }),
    );
  });

  test('places tiles inside the picture', () => {
    fc.assert(
      fc.property(anyPlan, (plan) => {
        for (const { box } of tilesOf(plan)) expect(inside(box, [0, 0, plan.width, plan.height])).toBe(true);
      }),
    );
  });

  test('shares the wanted overlap between neighbours', () => {
    const plan = planTiles({ width: 6_000, height: 4_000 }, STANDARD, NANODET);
    const [first, second] = tilesOf(plan).map(({ boxInLevel: [left, , width] }) => ({ left, right: left + width }));
    expect((first?.right ?? 0) - (second?.left ?? 0)).toBe(160);
  });

  test('chooses an edge that leaves no sliver at full resolution', () => {
    // 640 px tiles at 480 px would leave 5 px in the last column.
    const plan = planTiles({ width: 480 * 4 + 85, height: 1_000 }, STANDARD, NANODET);
    const widths = tilesOf(plan).flatMap((tile) => (tile.level === 0 ? [tile.boxInLevel[2]] : []));
    const edge = plan.stridePx + 2 * plan.marginPx;
    expect(Math.min(...widths)).toBeGreaterThanOrEqual(edge / 3);
    expect(edge).toBeGreaterThanOrEqual(480);
    expect(edge).toBeLessThanOrEqual(704);
  });

  test('says so when it looks at less than the full resolution', () => {
    const plan = planTiles({ width: 30_000, height: 20_000 }, STANDARD, NANODET);
    expect(plan.levels[0]?.level).toBe(2);
    expect(plan.notes).toEqual([`Looked at 1/4 of the full resolution, to stay within ${TILES_BY_DETAIL.standard} tiles.`]);
  });

  test.each([
    [{ detail: 'max', tile_size: null, overlap: null }, /Expected at most 1000 tiles, got \d+ for 30000 x 20000/],
    [{ detail: 'fine', tile_size: 64, overlap: null }, /Expected tile_size from 128 to 4096 pixels, got 64/],
    [{ detail: 'fine', tile_size: 640, overlap: 700 }, /Expected overlap from 0 to half of tile_size 640, got 700/],
  ] as const)('refuses %o with a sentence', (wishes, sentence) => {
    expect(() => planTiles({ width: 30_000, height: 20_000 }, wishes, NANODET)).toThrow(sentence);
  });
});

/** The first pixel that no span covers; null when there is none. */
function gap(spans: (readonly [number, number])[], end: number): number | null {
  let covered = 0;
  for (const [from, to] of spans.toSorted((a, b) => a[0] - b[0])) {
    if (from > covered) return covered;
    covered = Math.max(covered, to);
  }
  return covered >= end ? null : covered;
}

function neighboursOf(tile: PlannedTile, tiles: PlannedTile[]): PlannedTile[] {
  return tiles.filter(
    (other) => other !== tile && Math.abs(other.row - tile.row) <= 1 && Math.abs(other.column - tile.column) <= 1,
  );
}
