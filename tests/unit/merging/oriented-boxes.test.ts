import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { at } from '../../../pipeline/contract/at.ts';
import type { Detection, Finding, Polygon } from '../../../pipeline/contract/schemas.ts';
import { DetectionTable } from '../../../pipeline/merging/detection-table.ts';
import { mergeDetections } from '../../../pipeline/merging/merge.ts';
import { convexIntersection, cornersOf, polygonArea } from '../../../pipeline/outlines/polygons.ts';
import { clippedTo } from '../../../pipeline/planning/geometry.ts';
import { type PlannedTile, tilesOf } from '../../../pipeline/planning/grid.ts';
import { planTiles } from '../../../pipeline/planning/plan.ts';

const PLAN = planTiles(
  { width: 2_000, height: 1_500 },
  { detail: 'standard', tile_size: 640, overlap: 160, grid: null, region: null, max_tiles: null, skip_blank: true },
  { edgePx: 640, overlapPx: 160 },
);
const TILES = tilesOf(PLAN);

interface Ship {
  center: readonly [number, number];
  lengthPx: number;
  widthPx: number;
  angle: number;
}

/** Clockwise, from the corner at which the long edge at `angle` starts. */
function cornersOfShip({ center: [x, y], lengthPx, widthPx, angle }: Ship): Polygon {
  const [cos, sin] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
  return cornersOf([-lengthPx / 2, -widthPx / 2, lengthPx, widthPx]).map(([along, across]) => [
    x + along * cos - across * sin,
    y + along * sin + across * cos,
  ]);
}

/** What a detector of oriented boxes reports in a tile: every ship of which the tile shows more than half of the hull. */
function shipsIn(tile: PlannedTile, ships: readonly Ship[], withAngle = true): Detection[] {
  const scale = 2 ** tile.level;
  const [left, top, width, height] = tile.boxInLevel;
  return ships.flatMap((ship) => {
    const polygon = cornersOfShip(ship).map(([x, y]): [number, number] => [x / scale - left, y / scale - top]);
    const [xs, ys] = [polygon.map(([x]) => x), polygon.map(([, y]) => y)];
    const [hullLeft, hullTop] = [Math.min(...xs), Math.min(...ys)];
    const hull = [Math.max(...xs) - hullLeft, Math.max(...ys) - hullTop] as const;
    const box = clippedTo([hullLeft, hullTop, ...hull], width, height);
    if (!box || box[2] * box[3] < 0.5 * hull[0] * hull[1]) return [];
    const detection: Detection = { label: 'ship', description: 'a ship', score: 0.9, severity: 'info', box, text: null };
    return [withAngle ? { ...detection, polygon, angle: ship.angle } : detection];
  });
}

const merged = (ships: readonly Ship[], withAngle = true): Finding[] =>
  mergeDetections(
    TILES.map((tile) => ({ tile, detections: shipsIn(tile, ships, withAngle) })),
    PLAN,
  ).findings;

/** 24 parallel ships, side by side in a harbor. */
const fleet = (angle: number): Ship[] =>
  Array.from({ length: 24 }, (_, index) => {
    const [row, column] = [Math.floor(index / 8), index % 8];
    const across = ((angle + 90) * Math.PI) / 180;
    const distance = (column - 3.5) * 24;
    return {
      center: [350 + row * 600 + Math.cos(across) * distance, 750 + Math.sin(across) * distance],
      lengthPx: 140,
      widthPx: 18,
      angle,
    };
  });

describe('oriented boxes', () => {
  test.each([0, 17, 45, 60, 90, 133])('at %i degrees, ships side by side remain as many findings', (angle) => {
    const ships = fleet(angle);
    const findings = merged(ships);
    expect(findings).toHaveLength(ships.length);
    for (const ship of ships) {
      const corners = cornersOfShip(ship);
      const shared = findings.map(({ polygon }) => (polygon ? convexIntersection(polygon, corners) : 0));
      expect(Math.max(...shared)).toBeGreaterThan(0.99 * polygonArea(corners));
    }
    expect(new Set(findings.map((finding) => finding.angle))).toEqual(new Set([angle]));
  });

  test('without their angles, the hulls of ships side by side are duplicates of each other', () => {
    expect(merged(fleet(45), false).length).toBeLessThan(24);
  });

  test('the union of parts at one angle has the corners of the whole, and of parts at other angles none', () => {
    const pipe = (from: number, to: number, angle: number) =>
      shipsIn(at(TILES, 0), [
        { center: [(from + to) / 2, (from + to) / 2], lengthPx: (to - from) * Math.SQRT2, widthPx: 20, angle },
      ]);
    const unionOf = (parts: Detection[]) => {
      const table = new DetectionTable(2, PLAN);
      table.addTile(at(TILES, 0), parts);
      for (const part of parts) table.add(part, 0, 0);
      table.addUnion([0, 1], 0, at(parts, 0));
      return { outline: table.outline(2), angle: table.detection(2).angle, area: table.area(2) };
    };
    const whole = unionOf([...pipe(100, 300, 45), ...pipe(250, 500, 45)]);
    expect(whole.angle).toBe(45);
    const expected = cornersOfShip({ center: [300, 300], lengthPx: 400 * Math.SQRT2, widthPx: 20, angle: 45 });
    for (const [index, [x, y]] of expected.entries()) {
      expect(whole.outline?.[index]?.[0]).toBeCloseTo(x, 1);
      expect(whole.outline?.[index]?.[1]).toBeCloseTo(y, 1);
    }
    expect(whole.area).toBeCloseTo(400 * Math.SQRT2 * 20, 0);
    const mixed = unionOf([...pipe(100, 300, 45), ...pipe(250, 500, 55)]);
    expect(mixed).toMatchObject({ outline: null, angle: undefined });
  });

  test('share the area that a count of points finds', () => {
    const anyShip = fc.record({
      center: fc.tuple(fc.integer({ min: -30, max: 30 }), fc.integer({ min: -30, max: 30 })),
      lengthPx: fc.integer({ min: 20, max: 80 }),
      widthPx: fc.integer({ min: 20, max: 80 }),
      angle: fc.integer({ min: -179, max: 180 }),
    });
    fc.assert(
      fc.property(anyShip, anyShip, (a, b) => {
        let counted = 0;
        for (let x = -100; x < 100; x += 2)
          for (let y = -100; y < 100; y += 2) if (isInside(a, x, y) && isInside(b, x, y)) counted += 4;
        const shared = convexIntersection(cornersOfShip(a), cornersOfShip(b));
        expect(Math.abs(shared - counted)).toBeLessThan(250);
        expect(convexIntersection(cornersOfShip(b), cornersOfShip(a))).toBeCloseTo(shared, 6);
      }),
      { numRuns: 50 },
    );
  });
});

function isInside({ center, lengthPx, widthPx, angle }: Ship, x: number, y: number): boolean {
  const [cos, sin] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
  const [dx, dy] = [x - center[0], y - center[1]];
  return Math.abs(dx * cos + dy * sin) <= lengthPx / 2 && Math.abs(dy * cos - dx * sin) <= widthPx / 2;
}
