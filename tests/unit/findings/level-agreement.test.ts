// Boxes in other numbers than asked, noticed by the levels of an image that contradict each other.
import { expect, test } from 'vitest';
import { agreementNotes } from '../../../pipeline/findings/level-agreement.ts';
import type { TileDetections } from '../../../pipeline/merging/table-of-tiles.ts';
import { clippedTo } from '../../../pipeline/planning/geometry.ts';
import { planTiles } from '../../../pipeline/planning/plan.ts';
import { mergeCollected } from '../../../pipeline/steps/collect-tile-results.ts';
import { requestFor } from '../../support/pipeline-run.ts';
import { idealDetections, plantedScene, SCENE_KINDS } from '../../support/planted.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const MODEL = 'openai:qwen3-vl:8b';
const SEEDS = [1, 2, 3, 4, 5];
const PLAN = planTiles(
  { width: 4_000, height: 3_000 },
  { detail: 'standard', tile_size: 800, overlap: 160, grid: null, region: null, max_tiles: null, skip_blank: true },
  { edgePx: 800, overlapPx: 160 },
);

type Misread = (edge: { x: number; y: number }, tile: { width: number; height: number }) => { x: number; y: number };

/** Pixels of the tile where thousandths are expected, and so on: what becomes of a point of a tile. */
const MISREADINGS: Record<string, Misread> = {
  'across and down are exchanged': ({ x, y }, { width, height }) => ({ x: (y / height) * width, y: (x / width) * height }),
  'they are scaled to the pixels of the tile': ({ x, y }, { width, height }) => ({
    x: (x / 1_000) * width,
    y: (y / 1_000) * height,
  }),
  'across and down are exchanged and they are scaled to the pixels of the tile': ({ x, y }, { width, height }) => ({
    x: (y / 1_000) * width,
    y: (x / 1_000) * height,
  }),
  'they are read as thousandths of the tile': ({ x, y }, { width, height }) => ({
    x: (x / width) * 1_000,
    y: (y / height) * 1_000,
  }),
};

function misread(tiles: TileDetections[], convert: Misread): TileDetections[] {
  return tiles.map(({ tile, detections }) => {
    const [, , width, height] = tile.boxInLevel;
    return {
      tile,
      detections: detections.flatMap((detection) => {
        const [left, top, w, h] = detection.box;
        const near = convert({ x: left, y: top }, { width, height });
        const far = convert({ x: left + w, y: top + h }, { width, height });
        const box = clippedTo([near.x, near.y, far.x - near.x, far.y - near.y], width, height);
        return box === null ? [] : [{ ...detection, box }];
      }),
    };
  });
}

const sceneOf = (kind: (typeof SCENE_KINDS)[number], seed: number) => {
  const random = seededRandom(seed);
  return idealDetections(plantedScene(kind, PLAN, random), PLAN, random);
};

test.each(SCENE_KINDS)('a model that answers as asked has no note about %s', (kind) => {
  for (const seed of SEEDS) expect(agreementNotes(sceneOf(kind, seed), [MODEL])).toEqual([]);
});

test.each(Object.entries(MISREADINGS))('boxes that agree if %s are noted', (words, convert) => {
  for (const seed of SEEDS) {
    expect(agreementNotes(misread(sceneOf('scattered', seed), convert), [MODEL])).toEqual([
      `Boxes of ${MODEL} disagree between the levels of the image, but agree if ${words}: it may answer in other numbers than asked, ` +
        `and boxes may be wrong. Measure it with "npx tilesight calibrate ${MODEL}".`,
    ]);
  }
});

test('boxes without any agreement have no note: the model may invent them, whatever the numbers', () => {
  for (const seed of SEEDS) {
    const random = seededRandom(seed);
    const anywhere: Misread = (_, { width, height }) => ({ x: random.next() * width, y: random.next() * height });
    expect(agreementNotes(misread(sceneOf('scattered', seed), anywhere), [MODEL])).toEqual([]);
  }
});

test('only the model that answers otherwise is named, and no local model', () => {
  const scene = sceneOf('scattered', 1);
  const exchanged = misread(scene, MISREADINGS['across and down are exchanged'] as Misread);
  const by = (tiles: TileDetections[], model: string) =>
    tiles.map(({ tile, detections }) => ({ tile, detections: detections.map((detection) => ({ ...detection, model })) }));
  const both = [...by(scene, 'openai:right'), ...by(exchanged, 'openai:wrong'), ...by(exchanged, 'onnx:nanodet')];
  expect(agreementNotes(both, ['openai:right', 'openai:wrong', 'onnx:nanodet'])).toEqual([
    expect.stringMatching(/^Boxes of openai:wrong disagree/),
  ]);
});

test('the merge of an analysis keeps the note beside those of its tiles', () => {
  const detected = misread(sceneOf('scattered', 1), MISREADINGS['across and down are exchanged'] as Misread);
  const counts = { done: detected.length, blank: 0, clipped: 0, unreadable: 0, failed: [], not_analyzed: [] };
  const request = requestFor('');
  const asked = { ...request, models: { ...request.models, detection: [MODEL] } };
  const { notes } = mergeCollected(PLAN, asked, { ...counts, detected, notes: ['A note on a tile.'] });
  expect(notes).toEqual(['A note on a tile.', expect.stringMatching(/^Boxes of .* disagree/)]);
});

test('few boxes are no evidence', () => {
  const exchanged = misread(sceneOf('scattered', 1), MISREADINGS['across and down are exchanged'] as Misread);
  const few = exchanged.map(({ tile, detections }) => ({ tile, detections: detections.slice(0, 1) }));
  expect(agreementNotes(few.slice(-4), [MODEL])).toEqual([]);
});
