import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SHARD_TILES_MAX } from '../../../pipeline/contract/protocol.ts';
import { tileCount, tilesOf } from '../../../pipeline/planning/grid.ts';
import { planTiles } from '../../../pipeline/planning/plan.ts';
import { checkOperations, operationsAtMost, shardsOf, tilesOfShard } from '../../../pipeline/planning/shards.ts';
import { requestFor } from '../../support/pipeline-run.ts';

const OPERATIONS_MAX = 3_000; // of one durable execution

describe('shards', () => {
  test('are adjacent, of about equal size, and omit no tile', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), (tiles) => {
        const shards = shardsOf(tiles);
        expect(shards[0]?.from).toBe(0);
        expect(shards.at(-1)?.to).toBe(tiles);
        for (const [index, { number, from, to }] of shards.entries()) {
          expect(number).toBe(index);
          expect(to).toBeGreaterThan(from);
          expect(to - from).toBeLessThanOrEqual(SHARD_TILES_MAX);
          if (index > 0) expect(from).toBe(shards[index - 1]?.to);
        }
      }),
    );
  });

  test('need at most 3,000 operations in any execution, with every retry and every verification', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.boolean(), (tiles, verify) => {
        expect(operationsAtMost(tiles, { verify })).toBeLessThanOrEqual(OPERATIONS_MAX);
        expect(checkOperations(tiles, { verify })).toBeUndefined();
      }),
    );
  });

  test('have the same room for a judge as for verification, also for both together', () => {
    for (const tiles of [1, SHARD_TILES_MAX, 100_000]) {
      const verified = operationsAtMost(tiles, { verify: true });
      expect(verified - operationsAtMost(tiles, { verify: false })).toBe(300);
      expect(operationsAtMost(tiles, { verify: false, models: { judge: 'test:judge' } })).toBe(verified);
      expect(operationsAtMost(tiles, { verify: true, models: { judge: 'test:judge' } })).toBe(verified);
    }
  });

  test('are refused for too many tiles, with a message that names a solution', () => {
    expect(() => checkOperations(2_000_000, { verify: true })).toThrow(
      /^2000000 tiles may need \d+ operations in one execution; at most 3000 are allowed\. Use max_tiles/,
    );
  });

  test('contain together all tiles of the plan, or the tiles that an earlier execution left', () => {
    const plan = planTiles({ width: 9_000, height: 7_000 }, requestFor('').plan, { edgePx: 256, overlapPx: 64 });
    const all = shardsOf(tileCount(plan)).flatMap((shard) => tilesOfShard(plan, null, shard));
    expect(all).toEqual(tilesOf(plan));
    const pendingTiles = [3, 17, 40];
    expect(tilesOfShard(plan, pendingTiles, { from: 1, to: 3 }).map(({ index }) => index)).toEqual([17, 40]);
  });
});
