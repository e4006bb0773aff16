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

const thing = (label: string, score: number, box: Box): Detection => ({
  label,
  description: label,
  score,
  severity: 'info',
  box,
  text: null,
});
const line = (index: number, score = 0.95): Detection => ({
  ...thing('text', score, [20, 20 + index * 24, 300, 16]),
  text: `line ${index}`,
});
const lines = (count: number, score?: number) => Array.from({ length: count }, (_, index) => line(index, score));

function labelsIn(detections: Detection[], options: Parameters<typeof mergeDetections>[3] = { rescoresThingsOnText: true }) {
  const tiles = tilesOf(PLAN).map((tile) => ({ tile, detections }));
  const { findings, lowConfidence } = mergeDetections(tiles, PLAN, [], options);
  return { things: findings.filter(({ text }) => text === null).map(({ label }) => label), lowConfidence };
}

const LAPTOP = thing('laptop', 0.53, [10, 10, 570, 570]);
const KITE = thing('kite', 0.45, [530, 530, 60, 60]);
const PERSON = thing('person', 0.8, [400, 100, 100, 300]);

describe('things on pages of text', () => {
  test('with a low score are no findings, and are counted', () => {
    expect(labelsIn([...lines(20), LAPTOP, KITE])).toEqual({ things: [], lowConfidence: 2 });
  });

  test('are findings if min_score is lower', () => {
    const { things } = labelsIn([...lines(20), LAPTOP, KITE], { rescoresThingsOnText: true, minScore: 0.2 });
    expect(things).toEqual(['laptop', 'kite']);
  });

  test('with a high score remain, and those with a low score if little text is around them', () => {
    expect(labelsIn([...lines(20), PERSON]).things).toEqual(['person']);
    const far = { ...KITE, box: [330, 560, 30, 30] as Box };
    expect(labelsIn([...lines(7), far]).things).toEqual(['kite']);
  });

  test('that are drawn are no findings up to a higher score, also beside a photograph', () => {
    const chart = { ...thing('kite', 0.65, [330, 560, 30, 30]), flat: 0.6 };
    expect(labelsIn([...lines(20), chart, KITE])).toEqual({ things: [], lowConfidence: 2 });
    expect(labelsIn([...lines(20), chart, PERSON]).things).toEqual(['person']);
    const inPhotograph = { ...chart, flat: 0.2 };
    expect(labelsIn([...lines(20), inPhotograph, PERSON]).things).toEqual(['person', 'kite']);
  });

  test('that are drawn remain with a high score, or if the image is no page', () => {
    const drawn = { ...thing('kite', 0.8, [330, 560, 30, 30]), flat: 0.6 };
    expect(labelsIn([...lines(20), drawn]).things).toEqual(['kite']);
    expect(labelsIn([...lines(7), { ...drawn, score: 0.45 }]).things).toEqual(['kite']);
  });

  test('remain beside a sign, a poster, or lines that were hardly legible', () => {
    expect(labelsIn([...lines(7), LAPTOP]).things).toEqual(['laptop']);
    expect(labelsIn([...lines(20, 0.5), LAPTOP]).things).toEqual(['laptop']);
  });

  test('remain if another detector than the built-in ones reports them', () => {
    expect(labelsIn([...lines(20), LAPTOP, KITE], {}).things).toEqual(['laptop', 'kite']);
  });
});
