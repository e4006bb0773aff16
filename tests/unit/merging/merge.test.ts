import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Box, Detection } from '../../../pipeline/contract/schemas.ts';
import { type MergedDetections, mergeDetections } from '../../../pipeline/merging/merge.ts';
import type { TileDetections } from '../../../pipeline/merging/table-of-tiles.ts';
import { clippedTo, iou } from '../../../pipeline/planning/geometry.ts';
import { tilesOf } from '../../../pipeline/planning/grid.ts';
import { type Plan, planTiles } from '../../../pipeline/planning/plan.ts';
import { idealDetections, plantedScene, SCENE_KINDS } from '../../support/planted.ts';
import { type Random, seededRandom } from '../../support/seeded-random.ts';

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

/** What a perfect detector reports: every object, clipped to each tile of each level that shows enough of it. */
function detectedBy(objects: Planted[], shownShareMin = 0.25): TileDetections[] {
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

const onlyLevel = (tiles: TileDetections[], level: number) => tiles.filter(({ tile }) => tile.level === level);

/** What single tiles report, by the tile's name, in pixels of the full image. All other tiles were analyzed and report nothing. */
function reported(detections: [tile: string, label: string, box: Box, score?: number, text?: string][]): TileDetections[] {
  return TILES.map((tile) => ({
    tile,
    detections: detections
      .filter(([name]) => name === tile.name)
      .map(([, label, [left, top, width, height], score = 0.9, text = null]): Detection => {
        const scale = 2 ** tile.level;
        const box: Box = [left / scale - tile.boxInLevel[0], top / scale - tile.boxInLevel[1], width / scale, height / scale];
        return { label, description: text === null ? label : `text: ${text}`, score, severity: 'info', box, text };
      }),
  }));
}

function planOf(tile_size: number, overlap: number, size = { width: 3_000, height: 2_250 }): Plan {
  const request = { detail: 'fine', tile_size, overlap, grid: null, region: null, max_tiles: null, skip_blank: true } as const;
  return planTiles(size, request, { edgePx: tile_size, overlapPx: overlap });
}

function shuffled(tiles: TileDetections[], random: Random): TileDetections[] {
  const byChance = () => random.next() - 0.5;
  return tiles.map(({ tile, detections }) => ({ tile, detections: detections.toSorted(byChance) })).sort(byChance);
}

const texts = ({ findings }: MergedDetections) => findings.map(({ text }) => text);
const labels = ({ findings }: MergedDetections) => findings.map(({ label }) => label);

describe('merging', () => {
  test('reports an object once that every level and two tiles detected', () => {
    const { findings } = mergeDetections(detectedBy([{ label: 'cup', box: [500, 200, 100, 80] }]), PLAN);
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({ id: 'f1', label: 'cup', box: [500, 200, 100, 80], verified: null });
    expect(findings[0]?.tiles.length).toBeGreaterThan(2);
  });

  test('joins a box that is split across two tiles and complete in neither', () => {
    const { findings } = mergeDetections(onlyLevel(detectedBy([{ label: 'bus', box: [300, 100, 400, 200] }]), 0), PLAN);
    expect(findings).toHaveLength(1);
    expect(findings[0]?.box).toEqual([300, 100, 400, 200]);
  });

  test('joins the four quarters of an object on a tile corner', () => {
    const { findings } = mergeDetections(onlyLevel(detectedBy([{ label: 'bus', box: [360, 360, 300, 300] }], 0.2), 0), PLAN);
    expect(findings.map(({ box }) => box)).toEqual([[360, 360, 300, 300]]);
  });

  test('prefers a large object that is complete on a coarse level to its parts', () => {
    const { findings } = mergeDetections(detectedBy([{ label: 'person', box: [100, 50, 1_600, 1_400] }], 0.02), PLAN);
    expect(findings).toHaveLength(1);
    expect(findings[0]?.box).toEqual([100, 50, 1_600, 1_400]);
    expect(findings[0]?.level).toBeGreaterThan(0);
  });

  test('keeps many small objects inside one large box of their label', () => {
    const cups: Planted[] = Array.from({ length: 12 }, (_, index) => ({
      label: 'cup',
      box: [100 + (index % 4) * 120, 100 + Math.floor(index / 4) * 120, 90, 90],
    }));
    const group: Planted = { label: 'cup', box: [90, 90, 470, 350], score: 0.95 };
    const { findings } = mergeDetections(detectedBy([...cups, group]), PLAN);
    expect(findings).toHaveLength(12);
  });

  test('keeps neighbors of one label apart, and different labels in almost one place', () => {
    const objects: Planted[] = [
      { label: 'cat', box: [500, 500, 100, 100] },
      { label: 'cat', box: [605, 500, 100, 100] },
      { label: 'person', box: [500, 500, 100, 130] },
    ];
    expect(mergeDetections(detectedBy(objects), PLAN).findings).toHaveLength(3);
  });

  test('does not depend on the order of tiles and detections', () => {
    const objects = Array.from(
      { length: 30 },
      (_, index): Planted => ({
        label: index % 2 ? 'cup' : 'cat',
        box: [(index * 389) % 1_800, (index * 211) % 1_300, 60 + index * 5, 80 + index * 3],
      }),
    );
    const tiles = detectedBy(objects);
    const expected = mergeDetections(tiles, PLAN);
    fc.assert(
      fc.property(fc.shuffledSubarray(tiles, { minLength: tiles.length }), (shuffled) => {
        const reversed = shuffled.map(({ tile, detections }) => ({ tile, detections: detections.toReversed() }));
        expect(mergeDetections(reversed, PLAN)).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });

  test('treats labels that differ only in case as equal', () => {
    const tiles = reported([
      ['tile-0-r0-c0', 'Cup', [410, 100, 90, 90]],
      ['tile-0-r0-c1', 'cup', [411, 101, 90, 90], 0.8],
    ]);
    expect(mergeDetections(tiles, PLAN).findings).toMatchObject([{ label: 'Cup', score: 0.9, tiles: [0, 1] }]);
  });

  test('keeps two objects apart that touch where two tiles overlap', () => {
    const cups: Planted[] = [
      { label: 'cup', box: [420, 100, 80, 80] },
      { label: 'cup', box: [500, 100, 80, 80] },
    ];
    const { findings } = mergeDetections(onlyLevel(detectedBy(cups), 0), PLAN);
    expect(findings.map(({ box }) => box)).toEqual(cups.map(({ box }) => box));
  });

  test('omits objects outside the region', () => {
    const region: Box = [0, 0, 300, 300];
    const cups: Planted[] = [
      { label: 'cup', box: [100, 100, 80, 80] },
      { label: 'cup', box: [350, 100, 80, 80] },
    ];
    expect(mergeDetections(detectedBy(cups), { ...PLAN, region }).findings.map(({ box }) => box)).toEqual([[100, 100, 80, 80]]);
  });

  test('has no findings without detections', () => {
    expect(mergeDetections([], PLAN)).toEqual({ findings: [], lowConfidence: 0 });
  });
});

describe('evidence from other tiles', () => {
  const small: [string, string, Box] = ['tile-1-r0-c0', 'cup', [440, 100, 100, 100]];

  test('lowers the score of a coarse detection if a finer tile covered the box but detected nothing', () => {
    const { findings, lowConfidence } = mergeDetections(reported([[...small, 0.7]]), PLAN);
    expect({ findings, lowConfidence }).toEqual({ findings: [], lowConfidence: 1 });
  });

  test('does not lower it if the finer tiles were not analyzed', () => {
    const tiles = reported([[...small, 0.7]]).filter(({ detections }) => detections.length > 0);
    const gaps = TILES.filter(({ name }) => ['tile-0-r0-c0', 'tile-0-r0-c1'].includes(name)).map(({ index }) => index);
    expect(mergeDetections(tiles, PLAN).lowConfidence).toBe(1);
    expect(labels(mergeDetections(tiles, PLAN, gaps))).toEqual(['cup']);
  });

  test('does not lower it if the finer tile detected a cut part', () => {
    const tiles = reported([
      [...small, 0.7],
      ['tile-0-r0-c0', 'cup', [460, 100, 100, 100], 0.5],
    ]);
    expect(mergeDetections(tiles, PLAN).findings).toMatchObject([{ label: 'cup', score: 0.7, tiles: [0, 12] }]);
  });

  test('ignores a contradicted detection as support for another', () => {
    const tiles = reported([
      ['tile-1-r0-c0', 'cup', [430, 100, 120, 120], 0.7],
      ['tile-2-r0-c0', 'cup', [430, 100, 120, 120], 0.7],
    ]);
    expect(mergeDetections(tiles, PLAN)).toEqual({ findings: [], lowConfidence: 1 });
  });

  test('lowers the score of a detection that fills its tile if no coarser level confirms it', () => {
    const large: [string, string, Box, number] = ['tile-0-r0-c1', 'person', [500, 50, 400, 400], 0.7];
    expect(mergeDetections(reported([large]), PLAN)).toEqual({ findings: [], lowConfidence: 1 });
    const confirmed = reported([large, ['tile-1-r0-c0', 'person', [490, 40, 420, 420], 0.5]]);
    expect(mergeDetections(confirmed, PLAN).findings).toMatchObject([{ box: [500, 50, 400, 400], score: 0.7 }]);
  });

  test('lowers the score once for each coarser level that should have detected the object', () => {
    const letter = (sidePx: number): [string, string, Box, number, string] => {
      return ['tile-0-r0-c1', 'text', [600, 200, sidePx, sidePx], 0.9, 'A'];
    };
    expect(mergeDetections(reported([letter(38)]), PLAN).findings).toMatchObject([{ score: 0.9 }]);
    expect(mergeDetections(reported([letter(50)]), PLAN).findings).toMatchObject([{ score: 0.45 }]);
    expect(mergeDetections(reported([letter(100)]), PLAN)).toEqual({ findings: [], lowConfidence: 1 });
  });

  test('gives two halves a higher score together than each one has', () => {
    const tiles = reported([
      ['tile-0-r0-c0', 'bus', [360, 100, 200, 100], 0.5],
      ['tile-0-r0-c1', 'bus', [400, 100, 200, 100], 0.6],
    ]);
    expect(mergeDetections(tiles, PLAN).findings).toMatchObject([{ box: [360, 100, 240, 100], score: 0.8, tiles: [0, 1] }]);
  });
});

describe('a line of text that tile edges cut', () => {
  test('is joined from the readings of two tiles', () => {
    const tiles = reported([
      ['tile-0-r0-c0', 'text', [380, 100, 180, 30], 0.98, 'HELLO WOR'],
      ['tile-0-r0-c1', 'text', [400, 101, 200, 30], 0.97, 'ELLO WORLD'],
    ]);
    const { findings } = mergeDetections(tiles, PLAN);
    expect(findings).toMatchObject([
      { text: 'HELLO WORLD', description: 'text: HELLO WORLD', box: [380, 100, 220, 31], tiles: [0, 1] },
    ]);
  });

  test('is joined where a cut letter was misread', () => {
    const tiles = reported([
      ['tile-0-r0-c0', 'text', [380, 100, 180, 30], 0.98, 'BEDROOM 1'],
      ['tile-0-r0-c1', 'text', [401, 100, 160, 30], 0.97, 'EDR0OM 106'],
    ]);
    expect(texts(mergeDetections(tiles, PLAN))).toEqual(['BEDROOM 106']);
  });

  test('is joined from the readings of three tiles', () => {
    const line = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmnopqrstuv'; // 58 letters of 20 px from x = 100
    const between = (from: number, to: number) => line.slice((from - 100) / 20, (to - 100) / 20);
    const tiles = reported([
      ['tile-0-r0-c0', 'text', [100, 100, 460, 30], 0.98, between(100, 560)],
      ['tile-0-r0-c1', 'text', [400, 100, 640, 30], 0.98, between(400, 1_040)],
      ['tile-0-r0-c2', 'text', [880, 100, 380, 30], 0.98, between(880, 1_260)],
    ]);
    expect(texts(mergeDetections(tiles, PLAN))).toEqual([line]);
  });

  test('is not joined from readings that do not fit, and both are findings', () => {
    const tiles = reported([
      ['tile-0-r0-c0', 'text', [380, 100, 180, 30], 0.98, 'HELLO WOR'],
      ['tile-0-r0-c1', 'text', [400, 100, 200, 30], 0.97, '123456789'],
    ]);
    expect(texts(mergeDetections(tiles, PLAN))).toEqual(['HELLO WOR', '123456789']);
  });

  test('has the text of the tile that contains all of it', () => {
    const tiles = reported([
      ['tile-0-r0-c0', 'text', [410, 100, 145, 30], 0.99, 'HELL0 W'],
      ['tile-0-r0-c1', 'text', [410, 100, 220, 30], 0.9, 'HELLO WORLD'],
    ]);
    expect(texts(mergeDetections(tiles, PLAN))).toEqual(['HELLO WORLD']);
  });

  test('may end before a space: a reading that stops near an edge is not taken for the whole line', () => {
    const tiles = reported([
      ['tile-0-r0-c0', 'text', [420, 100, 125, 30], 0.998, 'OFFICE'],
      ['tile-0-r0-c1', 'text', [420, 100, 198, 30], 0.9, 'OFFICE 102'],
    ]);
    expect(texts(mergeDetections(tiles, PLAN))).toEqual(['OFFICE 102']);
  });
});

describe('drawn scenes and an ideal detector', () => {
  const PLANS = [planOf(640, 160), planOf(640, 64), planOf(1_024, 128)];

  test.each(SCENE_KINDS)('%s: recall and precision are at least 98 %%', (kind) => {
    let [planted, found, right] = [0, 0, 0];
    for (const [seed, plan] of PLANS.entries()) {
      const random = seededRandom(seed + 100);
      const scene = plantedScene(kind, plan, random);
      const { findings } = mergeDetections(idealDetections(scene, plan, random), plan);
      const objects = scene.filter(({ isGroup }) => !isGroup);
      const isFound = ({ label, text, box }: (typeof objects)[number]) =>
        findings.some((finding) => finding.label === label && finding.text === text && iou(finding.box, box) >= 0.5);
      planted += objects.length;
      found += findings.length;
      right += objects.filter(isFound).length;
    }
    expect(planted).toBeGreaterThan(50);
    expect(right / planted).toBeGreaterThanOrEqual(0.98);
    expect(right / found).toBeGreaterThanOrEqual(0.98);
  });

  test('the order of tiles and detections does not matter', () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom(...SCENE_KINDS), fc.constantFrom(...PLANS), (seed, kind, plan) => {
        const random = seededRandom(seed);
        const tiles = idealDetections(plantedScene(kind, plan, random), plan, random);
        expect(mergeDetections(shuffled(tiles, random), plan)).toEqual(mergeDetections(tiles, plan));
      }),
      { numRuns: 30 },
    );
  });

  test('the order does not matter for overlapping boxes of all sizes with equal scores', () => {
    const plan = planOf(400, 64, { width: 1_500, height: 1_100 });
    const detectionsIn = (random: Random, [, , width, height]: Box) =>
      Array.from({ length: random.between(0, 25) }, (): Detection => {
        const [left, top] = [random.oneOf([0, random.between(0, width - 20)]), random.oneOf([0, random.between(0, height - 20)])];
        const sides = [random.oneOf([width - left, random.between(8, width - left)]), random.between(8, height - top)] as const;
        const text = random.next() < 0.4 ? random.oneOf(['AB', 'BC', 'CDE F', '']) : null;
        const label = random.oneOf(['sign', 'Sign']);
        return { label, description: label, score: random.oneOf([0.5, 0.9]), severity: 'info', box: [left, top, ...sides], text };
      });
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = seededRandom(seed);
        const tiles = tilesOf(plan).map((tile) => ({ tile, detections: detectionsIn(random, tile.boxInLevel) }));
        expect(mergeDetections(shuffled(tiles, random), plan)).toEqual(mergeDetections(tiles, plan));
      }),
      { numRuns: 100 },
    );
  });

  test('no detection is lost: its finding names the tile, or it counts as low confidence', () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom(...SCENE_KINDS), fc.constantFrom(...PLANS), (seed, kind, plan) => {
        const random = seededRandom(seed);
        const tiles = idealDetections(plantedScene(kind, plan, random), plan, random);
        const { findings, lowConfidence } = mergeDetections(tiles, plan);
        const labelsOf = ({ label, alternatives = [] }: (typeof findings)[number]) => [
          label,
          ...alternatives.map((other) => other.label),
        ];
        const named = new Set(
          findings.flatMap((finding) => labelsOf(finding).flatMap((label) => finding.tiles.map((tile) => `${label} ${tile}`))),
        );
        const reports = tiles.flatMap(({ tile, detections }) => detections.map(({ label }) => `${label} ${tile.index}`));
        const unnamed = new Set(reports.filter((report) => !named.has(report)));
        if (lowConfidence === 0) expect([...unnamed]).toEqual([]);
        expect(findings.every(({ tiles }) => tiles.every((tile, at) => at === 0 || tile > Number(tiles[at - 1])))).toBe(true);
        expect(findings.map(({ id }) => id)).toEqual(findings.map((_, at) => `f${at + 1}`));
        expect(findings.map(({ score }) => score)).toEqual(findings.map(({ score }) => score).toSorted((a, b) => b - a));
      }),
      { numRuns: 30 },
    );
  });
});
