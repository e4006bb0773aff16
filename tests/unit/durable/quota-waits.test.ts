// Waits of tiles while a model is throttled, with a scripted engine: which tile waits, who continues, and what it costs.
import type { DurableContext } from '@aws/durable-execution-sdk-js';
import { describe, expect, test } from 'vitest';
import { type QuotaWaits, quotaWaits } from '../../../pipeline/durable/quota-waits.ts';
import type { ThrottledTile } from '../../../pipeline/planning/tile-result.ts';
import { seededRandom } from '../../support/seeded-random.ts';

type Throttled = ThrottledTile['throttled'];

/** Results of the steps of each tile, as a checkpoint keeps them: `null` for one that was not throttled. */
type Stored = Map<string, (Throttled | null)[]>;

interface Scene {
  waits: QuotaWaits;
  stored: Stored;
  isAccepted: () => boolean;
  /** In seconds. */
  waited: number[];
  calls: string[];
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** As the steps of shard.ts. Resolves to whether the tile was analyzed. */
async function analyze(tile: string, scene: Scene): Promise<boolean> {
  const { waits, stored, isAccepted, waited, calls } = scene;
  const results = stored.get(tile) ?? [];
  stored.set(tile, results);
  const context = {
    wait: async (_name: string, { seconds }: { seconds: number }) => {
      waited.push(seconds);
      await turn();
    },
  } as unknown as DurableContext;
  return await waits.run(tile, async () => {
    for (let round = 0, ownWaits = 0; ; round++) {
      await turn();
      let result = results[round];
      if (result === undefined) {
        result = waits.beforeCall(tile, ownWaits);
        if (result === null) {
          calls.push(tile);
          await turn();
          result = isAccepted() ? null : waits.afterCall(tile, ownWaits, 'Throttled.');
        }
        results.push(result);
      }
      if (result === null) return true;
      await waits.wait(context, tile, round, result);
      if (result.wait_s !== null) ownWaits++;
      else if (result.behind === null) return false;
    }
  });
}

async function map(tiles: number, atOnce: number, scene: Scene): Promise<boolean[]> {
  const outcomes: boolean[] = [];
  let next = 0;
  const oneByOne = async () => {
    while (next < tiles) {
      const tile = next++;
      outcomes[tile] = await analyze(`tile-${tile}`, scene);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, oneByOne));
  return outcomes;
}

function scene(tiles: number, isAccepted: () => boolean, stored: Stored = new Map()): Scene {
  return { waits: quotaWaits(tiles, () => {}), stored, isAccepted, waited: [], calls: [] };
}

describe('tiles whose model is throttled', () => {
  test('wait behind one of them, and continue two by two', async () => {
    let refusals = 7;
    const run = scene(20, () => refusals-- <= 0);
    expect(await map(20, 7, run)).toEqual(Array.from({ length: 20 }, () => true));
    expect(run.waited).toEqual([5]);
    expect(run.calls).toHaveLength(27);
    expect(run.stored.get('tile-0')).toEqual([{ reason: 'Throttled.', behind: null, wait_s: 5 }, null]);
    const behind = [1, 2, 3, 4, 5, 6].map((tile) => run.stored.get(`tile-${tile}`)?.[0]?.behind);
    expect(behind).toEqual(['tile-0', 'tile-0', 'tile-1', 'tile-1', 'tile-2', 'tile-2']);
  });

  test('report why they wait, for as long as they do', async () => {
    let refusals = 4;
    const reasons: (string | null)[] = [];
    const run = scene(8, () => refusals-- <= 0);
    run.waits = quotaWaits(8, () => reasons.push(run.waits.reason()));
    await map(8, 4, run);
    expect(reasons).toEqual(['Throttled.', null]);
  });

  test('give up after an hour, and no tile after them is called', async () => {
    const run = scene(100, () => false);
    expect(await map(100, 8, run)).toEqual(Array.from({ length: 100 }, () => false));
    const seconds = run.waited.reduce((sum, wait) => sum + wait, 0);
    expect(seconds).toBeGreaterThan(3_000);
    expect(seconds).toBeLessThan(4_000);
    expect(run.calls.length).toBe(8 + run.waited.length); // the first ones, and one after each wait
  });

  test('give up before a full shard runs out of operations', async () => {
    const run = scene(850, () => false);
    expect((await map(850, 16, run)).some(Boolean)).toBe(false);
    const operations = [...run.stored.values()].reduce((sum, results) => sum + results.length, run.waited.length);
    expect(operations).toBeLessThan(2_000);
    expect(run.waits.attemptsMax()).toBe(2);
  });

  test('give up even if the tiles leave no operation spare', async () => {
    const run = scene(1_000, () => false);
    expect((await map(1_000, 16, run)).some(Boolean)).toBe(false);
    expect(run.stored.size).toBe(1_000);
    expect(run.waits.attemptsMax()).toBe(2);
  });

  test('do the same in a replay, also one that takes one tile after the other, without a call', async () => {
    for (let seed = 0; seed < 50; seed++) {
      const random = seededRandom(seed);
      const run = scene(60, () => random.next() < 0.5);
      const outcomes = await map(60, 8, run);
      const results = structuredClone(run.stored);
      for (const atOnce of [8, 1]) {
        const replay = scene(60, () => true, run.stored);
        expect({ seed, outcomes: await map(60, atOnce, replay) }).toEqual({ seed, outcomes });
        expect({ seed, calls: replay.calls }).toEqual({ seed, calls: [] });
        expect({ seed, waits: replay.waited.length }).toEqual({ seed, waits: run.waited.length });
      }
      expect(run.stored).toEqual(results);
    }
  });

  test('continue after the end of a process that had stored a part of their results', async () => {
    for (let seed = 0; seed < 50; seed++) {
      const random = seededRandom(seed);
      const before = scene(60, () => random.next() < 0.4);
      await map(60, 8, before);
      const kept: Stored = new Map();
      for (const [tile, results] of before.stored) {
        if (Number(tile.slice(5)) < 30) kept.set(tile, results.slice(0, random.between(0, results.length)));
      }
      const after = scene(60, () => random.next() < 0.7, kept);
      expect({ seed, outcomes: await map(60, 8, after) }).toEqual({ seed, outcomes: Array.from({ length: 60 }, () => true) });
    }
  });
});
