import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { at } from '../../../pipeline/contract/at.ts';
import type { AnalysisRequest, Box } from '../../../pipeline/contract/schemas.ts';
import { Detail } from '../../../pipeline/contract/schemas.ts';
import { intersectionOf } from '../../../pipeline/planning/geometry.ts';
import { type PlannedTile, tileCount, tilesBetween, tilesOf } from '../../../pipeline/planning/grid.ts';
import { type Plan, planTiles, TILES_BY_DETAIL, TILES_MAX } from '../../../pipeline/planning/plan.ts';
import { TILE_EDGE_MAX_PX } from '../../../pipeline/planning/tile-size.ts';

const NANODET = { edgePx: 640, overlapPx: 160 };
const STANDARD: AnalysisRequest['plan'] = {
  detail: 'standard',
  tile_size: null,
  overlap: null,
  grid: null,
  region: null,
  max_tiles: null,
  skip_blank: true,
};

const anyPlan = fc
  .record({
    width: fc.integer({ min: 1, max: 40_000 }),
    height: fc.integer({ min: 1, max: 40_000 }),
    detail: fc.constantFrom(...Detail.options.filter((detail) => detail !== 'max')),
    edge: fc.option(fc.integer({ min: 128, max: 4_096 })),
    share: fc.double({ min: 0, max: 0.5, noNaN: true }),
    max_tiles: fc.option(fc.integer({ min: 1, max: 2_000 })),
  })
  .map(({ width, height, detail, edge, share, max_tiles }) => {
    const overlap = edge === null ? null : Math.floor(edge * share);
    return planTiles({ width, height }, { ...STANDARD, detail, tile_size: edge, overlap, max_tiles }, NANODET);
  });

const levelTiles = (plan: Plan) => plan.levels.map((level) => tilesOf(plan).filter((tile) => tile.level === level.level));
const isInside = (a: Box, b: Box) => intersectionOf(a, b) === a[2] * a[3];

describe('a plan', () => {
  test('notes the region that it covers, and how much of the requested one lies in the image', () => {
    const notesFor = (region: Box) => planTiles({ width: 1_600, height: 900 }, { ...STANDARD, region }, NANODET).notes;
    expect(notesFor([100, 50, 400, 300])).toEqual(['The analysis covers only the region [100, 50, 400, 300].']);
    expect(notesFor([1_500, 800, 500, 500])).toEqual([
      'The analysis covers only the region [1500, 800, 100, 100]: ' +
        'the requested region [1500, 800, 500, 500] extends beyond the image (1600 x 900 pixels).',
    ]);
    expect(planTiles({ width: 1_600, height: 900 }, STANDARD, NANODET).notes).toEqual([]);
  });

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

  test('has no tile inside another tile of its level', () => {
    fc.assert(
      fc.property(anyPlan, (plan) => {
        for (const tiles of levelTiles(plan)) {
          const nested = tiles.filter((tile) =>
            neighborsOf(tile, tiles).some((other) => isInside(tile.boxInLevel, other.boxInLevel)),
          );
          expect(nested).toEqual([]);
        }
      }),
    );
  });

  test('stays within the tile limit of its detail and ends in a single tile', () => {
    fc.assert(
      fc.property(anyPlan, (plan) => {
        expect(tilesOf(plan).length).toBeLessThanOrEqual(TILES_MAX);
        expect(plan.levels.at(-1)).toMatchObject({ columns: 1, rows: 1 });
      }),
    );
  });

  test('places tiles inside the image', () => {
    fc.assert(
      fc.property(anyPlan, (plan) => {
        for (const { box } of tilesOf(plan)) expect(isInside(box, [0, 0, plan.width, plan.height])).toBe(true);
      }),
    );
  });

  test('covers every pixel of a region and has no tile outside it', () => {
    const side = fc.integer({ min: 1, max: 20_000 });
    fc.assert(
      fc.property(
        side,
        side,
        fc.tuple(fc.double({ max: 1, min: 0, noNaN: true }), fc.double({ max: 1, min: 0, noNaN: true })),
        (width, height, [x, y]) => {
          const region: Box = [
            Math.floor(x * (width - 1)),
            Math.floor(y * (height - 1)),
            Math.ceil(width / 3),
            Math.ceil(height / 3),
          ];
          const plan = planTiles({ width, height }, { ...STANDARD, detail: 'fine', region }, NANODET);
          for (const tiles of levelTiles(plan)) {
            expect(tiles.every((tile) => intersectionOf(tile.box, region) > 0)).toBe(true);
            const [left, top, right, bottom] = [
              region[0],
              region[1],
              Math.min(width, region[0] + region[2]),
              Math.min(height, region[1] + region[3]),
            ];
            const covers = (px: number, py: number) =>
              tiles.some(({ box }) => px >= box[0] && py >= box[1] && px < box[0] + box[2] && py < box[1] + box[3]);
            for (const px of [left, (left + right) / 2, right - 0.5])
              for (const py of [top, (top + bottom) / 2, bottom - 0.5]) expect(covers(px, py)).toBe(true);
          }
          expect(tilesOf(plan).map(({ index }) => index)).toEqual(tilesOf(plan).map((_, index) => index));
          expect(tileCount(plan)).toBe(tilesOf(plan).length);
        },
      ),
    );
  });

  test('puts as many tiles along the longer side as the grid requests', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3, max: 24 }),
        fc.integer({ min: 6_000, max: 40_000 }),
        fc.integer({ min: 1, max: 6_000 }),
        (grid, longer, shorter) => {
          const plan = planTiles({ width: shorter, height: longer }, { ...STANDARD, grid }, NANODET);
          expect(plan.levels[0]?.rows).toBe(grid);
          expect(plan.stridePx + 2 * plan.marginPx).toBeLessThanOrEqual(TILE_EDGE_MAX_PX);
        },
      ),
    );
  });

  test('gives neighboring tiles the requested overlap', () => {
    const plan = planTiles({ width: 6_000, height: 4_000 }, STANDARD, NANODET);
    const spans = tilesOf(plan).map(({ boxInLevel: [left, , width] }) => ({ left, right: left + width }));
    const [first, second] = [at(spans, 0), at(spans, 1)];
    expect(first.right - second.left).toBe(160);
  });

  test('chooses a tile edge that leaves no sliver at full resolution', () => {
    // 640 px tiles at 480 px would leave 5 px in the last column.
    const plan = planTiles({ width: 480 * 4 + 85, height: 1_000 }, STANDARD, NANODET);
    const widths = tilesOf(plan).flatMap((tile) => (tile.level === 0 ? [tile.boxInLevel[2]] : []));
    const edge = plan.stridePx + 2 * plan.marginPx;
    expect(Math.min(...widths)).toBeGreaterThanOrEqual(edge / 3);
    expect(edge).toBeGreaterThanOrEqual(480);
    expect(edge).toBeLessThanOrEqual(704);
  });

  test('has a note if it uses less than the full resolution', () => {
    const plan = planTiles({ width: 30_000, height: 20_000 }, STANDARD, NANODET);
    expect(plan.levels[0]?.level).toBe(2);
    expect(plan.notes).toEqual([
      `The analysis uses 1/4 of the full resolution to stay within ${TILES_BY_DETAIL.standard} tiles.`,
    ]);
  });

  test('has up to a hundred thousand tiles if the request allows them', () => {
    const plan = planTiles({ width: 130_000, height: 130_000 }, { ...STANDARD, detail: 'max' }, NANODET);
    expect(plan.levels[0]?.level).toBe(0);
    expect(tileCount(plan)).toBeGreaterThan(90_000);
    const [first, last] = [tilesBetween(plan, 77_777, 77_779), tilesBetween(plan, tileCount(plan) - 1, tileCount(plan))];
    expect(first.map(({ index }) => index)).toEqual([77_777, 77_778]);
    expect(last).toMatchObject([{ row: 0, column: 0, level: plan.levels.at(-1)?.level }]);
  });

  test('lists any range of its tiles exactly as in the whole list', () => {
    fc.assert(
      fc.property(anyPlan, fc.nat(1_200), fc.nat(400), (plan, from, count) => {
        expect(tilesBetween(plan, from, from + count)).toEqual(tilesOf(plan).slice(from, from + count));
      }),
    );
  });

  test.each([
    [
      { detail: 'max', tile_size: null, overlap: null, grid: null, region: null, max_tiles: null, skip_blank: true },
      /^The image \(30000 x 20000 pixels\) needs \d+ tiles at full resolution; at most 2000 are allowed/,
    ],
    [
      { detail: 'fine', tile_size: 64, overlap: null, grid: null, region: null, max_tiles: null, skip_blank: true },
      /^The tile_size \(64\) must be between 128 and 4096 pixels/,
    ],
    [
      { detail: 'fine', tile_size: 640, overlap: 700, grid: null, region: null, max_tiles: null, skip_blank: true },
      /^The overlap \(700\) must be between 0 and half of tile_size \(640\)/,
    ],
  ] as const)('refuses %o with a clear message', (request, message) => {
    expect(() => planTiles({ width: 30_000, height: 20_000 }, request, NANODET, 2_000)).toThrow(message);
  });
});

/** The first pixel that no span covers; `null` if the spans cover everything. */
function gap(spans: (readonly [number, number])[], end: number): number | null {
  let covered = 0;
  for (const [from, to] of spans.toSorted((a, b) => a[0] - b[0])) {
    if (from > covered) return covered;
    covered = Math.max(covered, to);
  }
  return covered >= end ? null : covered;
}

function neighborsOf(tile: PlannedTile, tiles: PlannedTile[]): PlannedTile[] {
  return tiles.filter(
    (other) => other !== tile && Math.abs(other.row - tile.row) <= 1 && Math.abs(other.column - tile.column) <= 1,
  );
}
