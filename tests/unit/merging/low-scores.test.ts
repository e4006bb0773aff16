// A lower min_score adds objects, and never loses or changes what the default finds.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Box, Detection, Finding } from '../../../pipeline/contract/schemas.ts';
import { mergeDetections } from '../../../pipeline/merging/merge.ts';
import { tilesOf } from '../../../pipeline/planning/grid.ts';
import { planTiles } from '../../../pipeline/planning/plan.ts';
import { type Random, seededRandom } from '../../support/seeded-random.ts';

const LOW = { minScore: 0.05 };
const request = { detail: 'standard', grid: null, region: null, max_tiles: null, skip_blank: true } as const;
const ONE_TILE = planTiles(
  { width: 600, height: 600 },
  { ...request, tile_size: 640, overlap: 160 },
  { edgePx: 640, overlapPx: 160 },
);
const MANY_TILES = planTiles(
  { width: 1_500, height: 1_100 },
  { ...request, tile_size: 400, overlap: 64 },
  { edgePx: 400, overlapPx: 64 },
);

type Reported = [label: string, score: number, box: Box, text?: string];

function merged(reported: Reported[], options = {}): Finding[] {
  const detections = reported.map(
    ([label, score, box, text = null]): Detection => ({ label, description: label, score, severity: 'info', box, text }),
  );
  return mergeDetections(
    tilesOf(ONE_TILE).map((tile) => ({ tile, detections })),
    ONE_TILE,
    [],
    options,
  ).findings;
}

const names = (findings: Finding[]) => findings.map(({ id, label, score }) => `${id} ${label} ${score}`);

describe('with a lower min_score', () => {
  test('an object that only low scores show is a finding, after the confident ones', () => {
    const findings = merged(
      [
        ['cup', 0.2, [10, 10, 80, 80]],
        ['cup', 0.9, [300, 300, 80, 80]],
      ],
      LOW,
    );
    expect(names(findings)).toEqual(['f1 cup 0.9', 'f2 cup 0.2']);
    expect(names(merged([['cup', 0.2, [10, 10, 80, 80]]], { minScore: 0.3 }))).toEqual([]);
  });

  test('low boxes around or inside a confident one of their label are the same object', () => {
    const findings = merged(
      [
        ['cup', 0.39, [50, 50, 300, 300]],
        ['cup', 0.6, [100, 100, 80, 80]],
        ['cup', 0.3, [110, 110, 20, 20]],
        ['cup', 0.2, [102, 98, 80, 80]],
      ],
      LOW,
    );
    expect(findings).toMatchObject([{ id: 'f1', score: 0.6, box: [100, 100, 80, 80] }]);
  });

  test('a low label in the place of a confident one is its alternative, unless a judge decides', () => {
    const reported: Reported[] = [
      ['truck', 0.3, [101, 100, 200, 100]],
      ['car', 0.6, [100, 100, 200, 100]],
    ];
    expect(merged(reported, LOW)).toMatchObject([{ label: 'car', alternatives: [{ label: 'truck', score: 0.3 }] }]);
    expect(names(merged(reported, { ...LOW, keepsLabels: true }))).toEqual(['f1 car 0.6', 'f2 truck 0.3']);
  });

  test('text that no confident finding has remains', () => {
    const box: Box = [100, 100, 200, 30];
    const findings = merged(
      [
        ['text', 0.9, box, 'V-4711'],
        ['text', 0.3, box, 'V-47ll'],
        ['text', 0.2, box, 'V-4711'],
      ],
      LOW,
    );
    expect(findings.map(({ text }) => text)).toEqual(['V-4711', 'V-47ll']);
  });

  const detectionsIn = (random: Random, [, , width, height]: Box, scores: readonly [number, ...number[]]) =>
    Array.from({ length: random.between(0, 15) }, (): Detection => {
      const [left, top] = [random.oneOf([0, random.between(0, width - 20)]), random.oneOf([0, random.between(0, height - 20)])];
      const sides = [random.oneOf([width - left, random.between(8, width - left)]), random.between(8, height - top)] as const;
      const label = random.oneOf(['cup', 'bowl']);
      return { label, description: label, score: random.oneOf(scores), severity: 'info', box: [left, top, ...sides], text: null };
    });

  test('nothing that the default finds is lost or changed, whatever low scores are reported around it', () => {
    let added = 0;
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = seededRandom(seed);
        const tiles = tilesOf(MANY_TILES).map((tile) => {
          const confident = detectionsIn(random, tile.boxInLevel, [0.41, 0.6, 0.9]);
          return { tile, confident, low: detectionsIn(random, tile.boxInLevel, [0.06, 0.2, 0.39]) };
        });
        const byDefault = mergeDetections(
          tiles.map(({ tile, confident }) => ({ tile, detections: confident })),
          MANY_TILES,
        );
        const all = tiles.map(({ tile, confident, low }) => ({
          tile,
          detections: random.next() < 0.5 ? [...confident, ...low] : [...low, ...confident],
        }));
        const findings = mergeDetections(all, MANY_TILES, [], LOW).findings;
        const key = ({ label, box, score, level }: Finding) => JSON.stringify([label, box, score, level]);
        const found = new Set(findings.map(key));
        expect(byDefault.findings.filter((finding) => !found.has(key(finding)))).toEqual([]);
        expect(findings.map(({ score }) => score)).toEqual(findings.map(({ score }) => score).toSorted((a, b) => b - a));
        expect(findings.map(({ id }) => id)).toEqual(findings.map((_, place) => `f${place + 1}`));
        added += findings.length - byDefault.findings.length;
      }),
      { numRuns: 30 },
    );
    expect(added).toBeGreaterThan(100);
  });
});
