import { describe, expect, test } from 'vitest';
import type { Box, Detection } from '../../../pipeline/contract/schemas.ts';
import { mergeDetections } from '../../../pipeline/merging/merge.ts';
import { tilesOf } from '../../../pipeline/planning/grid.ts';
import { planTiles } from '../../../pipeline/planning/plan.ts';

const PLAN = planTiles(
  { width: 600, height: 600 },
  { detail: 'standard', tile_size: 640, overlap: 160, grid: null, region: null, max_tiles: null, skip_blank: true },
  { edgePx: 640, overlapPx: 160 },
);

type Reported = [label: string, score: number, box: Box, text?: string];

function merged(reported: Reported[], options = {}) {
  const detections = reported.map(
    ([label, score, box, text = null]): Detection => ({ label, description: label, score, severity: 'info', box, text }),
  );
  const tiles = tilesOf(PLAN).map((tile) => ({ tile, detections }));
  return mergeDetections(tiles, PLAN, [], options).findings;
}

const CAR: Box = [100, 100, 200, 100];
const ALMOST: Box = [102, 101, 200, 101];

describe('labels', () => {
  test('an object under two labels is one finding, with the label of the highest score and the other as alternative', () => {
    const findings = merged([
      ['truck', 0.6, ALMOST],
      ['car', 0.64, CAR],
    ]);
    expect(findings).toMatchObject([
      { id: 'f1', label: 'car', score: 0.64, box: CAR, alternatives: [{ label: 'truck', score: 0.6 }] },
    ]);
  });

  test('alternatives name each label once, the highest score first', () => {
    const [finding, ...more] = merged([
      ['bus', 0.5, ALMOST],
      ['van', 0.9, CAR],
      ['truck', 0.7, CAR],
      ['car', 0.8, ALMOST],
    ]);
    expect(more).toEqual([]);
    expect(finding?.alternatives).toEqual([
      { label: 'car', score: 0.8 },
      { label: 'truck', score: 0.7 },
      { label: 'bus', score: 0.5 },
    ]);
  });

  test('objects that share less of their boxes remain two, without alternatives', () => {
    const findings = merged([
      ['person', 0.9, [100, 100, 100, 200]],
      ['bicycle', 0.8, [100, 160, 110, 140]],
    ]);
    expect(findings.map(({ label, alternatives }) => [label, alternatives])).toEqual([
      ['person', undefined],
      ['bicycle', undefined],
    ]);
  });

  test('a sign and its text remain two, in any order', () => {
    const sign: Reported = ['sign', 0.9, CAR];
    const text: Reported = ['text', 0.95, CAR, 'STOP'];
    for (const reported of [
      [sign, text],
      [text, sign],
    ])
      expect(merged(reported).map(({ label }) => label)).toEqual(['text', 'sign']);
  });

  test('labels remain separate findings for a judge that decides between them', () => {
    const findings = merged(
      [
        ['truck', 0.6, ALMOST],
        ['car', 0.64, CAR],
      ],
      { keepsLabels: true },
    );
    expect(findings.map(({ label }) => label)).toEqual(['car', 'truck']);
  });

  test('a finding has at least the score that the request asks for', () => {
    const reported: Reported[] = [
      ['cup', 0.9, [0, 0, 50, 50]],
      ['cup', 0.4, [100, 0, 50, 50]],
      ['cup', 0.1, [200, 0, 50, 50]],
    ];
    expect(merged(reported).map(({ score }) => score)).toEqual([0.9, 0.4]);
    expect(merged(reported, { minScore: 0.05 }).map(({ score }) => score)).toEqual([0.9, 0.4, 0.1]);
    expect(merged(reported, { minScore: 0.5 }).map(({ score }) => score)).toEqual([0.9]);
  });
});
