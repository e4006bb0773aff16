// The duration of an analysis before it starts: local models are bound by cores, services by concurrent calls.
import { describe, expect, test } from 'vitest';
import { type Cores, estimateOf } from '../../../pipeline/planning/cost.ts';
import { planTiles } from '../../../pipeline/planning/plan.ts';

const PLAN = {
  detail: 'max',
  tile_size: null,
  overlap: null,
  grid: null,
  region: null,
  max_tiles: null,
  skip_blank: true,
} as const;
const TILE = { edgePx: 1_024, overlapPx: 128 };
const AWS: Cores = { each: 3_008 / 1_769, areShared: false };
const LAPTOP: Cores = { each: 4, areShared: true };

function estimated(sidePx: number, detection: string[], cores: Cores, pace = { tileConcurrency: 8, shardConcurrency: 4 }) {
  const plan = planTiles({ width: sidePx, height: sidePx }, PLAN, TILE);
  const models = { moderation: null, detection, verification: null, synthesis: 'rules:summary' };
  const { tiles, seconds } = estimateOf(plan, { models, verify: false }, pace, cores);
  return { tiles, seconds };
}

describe('the estimated duration', () => {
  test('of local models follows the cores of the function, not the tiles at once', () => {
    const { tiles, seconds } = estimated(12_000, ['onnx:nanodet', 'onnx:ppocr'], AWS);
    expect(seconds).toBe(Math.ceil(((tiles * 2 * 0.3) / AWS.each) * 1.2));
    const wider = estimated(12_000, ['onnx:nanodet', 'onnx:ppocr'], AWS, { tileConcurrency: 64, shardConcurrency: 4 });
    expect(wider.seconds).toBe(seconds);
  });

  test('of local models gets shorter with shards on AWS, but not on one machine', () => {
    const { tiles, seconds } = estimated(40_000, ['onnx:nanodet'], AWS);
    expect(tiles).toBeGreaterThan(4 * 600); // four shards
    expect(seconds).toBe(Math.ceil(((tiles * 0.3) / (4 * AWS.each)) * 1.2));
    expect(estimated(40_000, ['onnx:nanodet'], LAPTOP).seconds).toBe(Math.ceil(((tiles * 0.3) / LAPTOP.each) * 1.2));
  });

  test('of one tile at a time uses one core', () => {
    const one = { tileConcurrency: 1, shardConcurrency: 1 };
    const { tiles, seconds } = estimated(5_000, ['onnx:nanodet'], LAPTOP, one);
    expect(seconds).toBe(Math.ceil(tiles * 0.3 * 1.2));
  });

  test('of a service whose pace was measured follows that pace', () => {
    const plan = planTiles({ width: 12_000, height: 12_000 }, PLAN, TILE);
    const models = {
      moderation: null,
      detection: ['openai:slow', 'openai:eyes'],
      verification: null,
      synthesis: 'rules:summary',
    };
    const pace = { tileConcurrency: 8, shardConcurrency: 4 };
    const { tiles, seconds } = estimateOf(plan, { models, verify: false }, pace, AWS, new Map([['openai:slow', 30]]));
    expect(seconds).toBe(Math.ceil(((tiles * (30 + 3)) / 8) * 1.2));
  });

  test('of services follows the tiles at once, whatever the cores are, and adds to that of local models', () => {
    const { tiles, seconds } = estimated(12_000, ['openai:eyes'], AWS);
    expect(seconds).toBe(Math.ceil(((tiles * 3) / 8) * 1.2));
    expect(estimated(12_000, ['openai:eyes'], LAPTOP).seconds).toBe(seconds);
    const both = estimated(12_000, ['openai:eyes', 'onnx:nanodet'], AWS).seconds;
    expect(both).toBe(Math.ceil(((tiles * 3) / 8 + (tiles * 0.3) / AWS.each) * 1.2));
  });
});
