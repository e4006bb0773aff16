import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Box, Detection } from '../pipeline/core/contract.ts';
import { clippedTo } from '../pipeline/core/geometry.ts';
import type { SeenTile } from '../pipeline/core/look.ts';
import { mergeDetections } from '../pipeline/core/merge.ts';
import { planTiles, tilesOf } from '../pipeline/core/plan.ts';

const PLAN = planTiles(
  { width: 2_000, height: 1_500 },
  { detail: 'standard', tile_size: 640, overlap: 160, grid: null, region: null, max_tiles: null, skip_blank: true },
  { edgePx: 640, overlapPx: 160 },
);
const TILES = tilesOf(PLAN);

interface Planted {
  label: string;
  box: Box;
  score?: number;
  text?: string;
}

/** What perfect eyes would see: every object, clipped to each tile of each level that shows enough of it. */
function seenBy(objects: Planted[], shownShareMin = 0.25): SeenTile[] {
  return TILES.map((tile) => {
    const scale = 2 ** tile.level;
    const detections = objects.flatMap(({ label, box, score = 0.9, text = null }): Detection[] => {
      const inTile: Box = [
        box[0] / scale - tile.boxInLevel[0],
        box[1] / scale - tile.boxInLevel[1],
        box[2] / scale,
        box[3] / scale,
      ];
      const shown = shownPart(inTile, tile.boxInLevel[2], tile.boxInLevel[3]);
      if (!shown || (shown[2] * shown[3]) / (inTile[2] * inTile[3]) < shownShareMin) return [];
      return [{ label, description: label, score, severity: 'info', box: shown, text }];
    });
    return { tile, detections };
  });
}

function shownPart([left, top, width, height]: Box, tileWidth: number, tileHeight: number): Box | null {
  const shifted = clippedTo(
    [Math.max(0, left), Math.max(0, top), width + Math.min(0, left), height + Math.min(0, top)],
    tileWidth,
    tileHeight,
  );
  return width + Math.min(0, left) > 0 && height + Math.min(0, top) > 0 ? shifted : null;
}

const onlyLevel = (seen: SeenTile[], level: number) => seen.filter(({ tile }) => tile.level === level);

describe('merging', () => {
  test('finds an object once that every level and two tiles saw', () => {
    const { findings } = mergeDetections(seenBy([{ label: 'cup', box: [500, 200, 100, 80] }]), PLAN);
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({ id: 'f1', label: 'cup', box: [500, 200, 100, 80], verified: null });
    expect(findings[0]?.tiles.length).toBeGreaterThan(2);
  });

  test('joins a box that is split across two tiles and seen whole by none', () => {
    const { findings } = mergeDetections(onlyLevel(seenBy([{ label: 'bus', box: [300, 100, 400, 200] }]), 0), PLAN);
    expect(findings).toHaveLength(1);
    expect(findings[0]?.box).toEqual([300, 100, 400, 200]);
  });

  test('joins the four quarters of an object on a corner', () => {
    const { findings } = mergeDetections(onlyLevel(seenBy([{ label: 'bus', box: [360, 360, 300, 300] }], 0.2), 0), PLAN);
    expect(findings.map(({ box }) => box)).toEqual([[360, 360, 300, 300]]);
  });

  test('prefers a large object seen whole on a coarse level to its parts', () => {
    const { findings } = mergeDetections(seenBy([{ label: 'person', box: [100, 50, 1_600, 1_400] }], 0.02), PLAN);
    expect(findings).toHaveLength(1);
    expect(findings[0]?.box).toEqual([100, 50, 1_600, 1_400]);
    expect(findings[0]?.level).toBeGreaterThan(0);
  });

  test('keeps many small objects that lie inside one big box of their label', () => {
    const cups: Planted[] = Array.from({ length: 12 }, (_, index) => ({
      label: 'cup',
      box: [100 + (index % 4) * 120, 100 + Math.floor(index / 4) * 120, 90, 90],
    }));
    const group: Planted = { label: 'cup', box: [90, 90, 470, 350], score: 0.95 };
    const { findings } = mergeDetections(seenBy([...cups, group]), PLAN);
    expect(findings).toHaveLength(12);
  });

  test('keeps neighbours of one label and different labels at one place apart', () => {
    const objects: Planted[] = [
      { label: 'cat', box: [500, 500, 100, 100] },
      { label: 'cat', box: [605, 500, 100, 100] },
      { label: 'person', box: [500, 500, 100, 100] },
    ];
    expect(mergeDetections(seenBy(objects), PLAN).findings).toHaveLength(3);
  });

  test('does not depend on the order of tiles and detections', () => {
    const objects = Array.from(
      { length: 30 },
      (_, index): Planted => ({
        label: index % 2 ? 'cup' : 'cat',
        box: [(index * 389) % 1_800, (index * 211) % 1_300, 60 + index * 5, 80 + index * 3],
      }),
    );
    const seen = seenBy(objects);
    const expected = mergeDetections(seen, PLAN);
    fc.assert(
      fc.property(fc.shuffledSubarray(seen, { minLength: seen.length }), (shuffled) => {
        const reversed = shuffled.map(({ tile, detections }) => ({ tile, detections: detections.toReversed() }));
        expect(mergeDetections(reversed, PLAN)).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });

  test('finds nothing in nothing', () => {
    expect(mergeDetections([], PLAN)).toEqual({ findings: [], unsure: 0 });
  });
});
