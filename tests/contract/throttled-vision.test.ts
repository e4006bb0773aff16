// The throttle gate in virtual time, and analyses through models that throttle.
import { describe, expect, test } from 'vitest';
import { TransientError, UserError } from '../../pipeline/contract/errors.ts';
import { type Pace, throttleGate } from '../../pipeline/vision/throttle-gate.ts';
import { throttledVision, throttleGates } from '../../pipeline/vision/throttled-vision.ts';
import { greyImage } from '../support/grey-image.ts';
import { runPipeline } from '../support/pipeline-run.ts';
import { scriptedVision } from '../support/scripted-vision.ts';
import { seededRandom } from '../support/seeded-random.ts';

const throttled = () => new TransientError('Expected an answer, got too many requests. Try again later.', { throttled: true });

/** Time that passes only while everything waits for it. */
function virtualPace(random: () => number): Pace & { run<T>(work: Promise<T>): Promise<T> } {
  let nowMs = 0;
  const sleepers: { at: number; wake: () => void }[] = [];
  return {
    now: () => nowMs,
    random,
    sleep(ms) {
      const { promise, resolve } = Promise.withResolvers<void>();
      sleepers.push({ at: nowMs + ms, wake: resolve });
      return promise;
    },
    async run(work) {
      let done = false;
      const end = () => {
        done = true;
      };
      work.then(end, end);
      while (!done) {
        for (let quiet = 0; quiet < 20; quiet++) await Promise.resolve();
        sleepers.sort((a, b) => a.at - b.at);
        const next = sleepers.shift();
        if (!next) {
          await new Promise((resolve) => setImmediate(resolve));
          continue;
        }
        nowMs = next.at;
        next.wake();
      }
      return await work;
    },
  };
}

const TILES = 200;
const CONCURRENCY = 16;
const ANSWER_MS = 50;
const STORM_MS = 10_000;

describe('a storm that throttles 80 % of calls for 10 s', () => {
  test.each(Array.from({ length: 50 }, (_, seed) => seed))(
    'ends with every tile and fewer than 3 calls per tile, seed %i',
    async (seed) => {
      const random = seededRandom(seed).next;
      const pace = virtualPace(random);
      const gate = throttleGate(CONCURRENCY, 300_000, pace);
      let calls = 0;
      let inFlight = 0;
      let most = 0;
      const call = async () => {
        calls++;
        most = Math.max(most, ++inFlight);
        await pace.sleep(ANSWER_MS);
        inFlight--;
        if (pace.now() < STORM_MS && random() < 0.8) throw throttled();
        return true;
      };
      const all = await pace.run(Promise.all(Array.from({ length: TILES }, () => gate.through(call))));
      expect({ seed, came: all.filter(Boolean).length }).toEqual({ seed, came: TILES });
      expect({ seed, calls: calls < 3 * TILES }).toEqual({ seed, calls: true });
      expect(most).toBeLessThanOrEqual(CONCURRENCY);
      expect(pace.now()).toBeLessThan(STORM_MS + 30_000);
    },
  );
});

describe('the gate', () => {
  test('serves calls in order, and repeats before it starts new ones', async () => {
    const pace = virtualPace(() => 0.5);
    const gate = throttleGate(2, 300_000, pace);
    const order: number[] = [];
    let refusals = 2;
    const calls = Array.from({ length: 6 }, (_, index) =>
      gate.through(async () => {
        order.push(index);
        await pace.sleep(1_000);
        if (refusals-- > 0) throw throttled();
      }),
    );
    await pace.run(Promise.all(calls));
    expect(order).toEqual([0, 1, 2, 3, 0, 1, 4, 5]);
  });

  test('returns to the full limit once calls succeed', async () => {
    const pace = virtualPace(() => 0.5);
    const gate = throttleGate(8, 300_000, pace);
    let inFlight = 0;
    const seen: number[] = [];
    const call = async () => {
      seen.push(++inFlight);
      await pace.sleep(10);
      inFlight--;
      if (pace.now() < 5_000) throw throttled();
    };
    await pace.run(Promise.all(Array.from({ length: 300 }, () => gate.through(call))));
    expect(Math.max(...seen.slice(-20))).toBe(8);
  });

  test('halves once per round trip and waits twice as long each time, down to one call and up to 8 s', async () => {
    const pace = virtualPace(() => 0.5);
    const gate = throttleGate(8, 60_000, pace);
    const begun: number[] = [];
    const call = async () => {
      begun.push(pace.now());
      await pace.sleep(10);
      throw throttled();
    };
    await pace.run(Promise.allSettled(Array.from({ length: 8 }, () => gate.through(call))));
    const waves = [...Map.groupBy(begun, (at) => at)].slice(0, 7);
    expect(waves.map(([, together]) => together.length)).toEqual([8, 4, 2, 1, 1, 1, 1]);
    const pausesMs = waves.map(([at], index) => at - (waves[index - 1]?.[0] ?? 0) - 10).slice(1);
    expect(pausesMs).toEqual([375, 750, 1_500, 3_000, 6_000, 6_000]); // three quarters of 500 to 8,000: the random number is 0.5
  });

  test('repeats a single throttled call soon, later each time, and fails it after its budget', async () => {
    const pace = virtualPace(seededRandom(5).next);
    const gate = throttleGate(4, 60_000, pace);
    const attempts: number[] = [];
    const unlucky = gate.through(async () => {
      attempts.push(pace.now());
      throw throttled();
    });
    const lucky = Array.from({ length: 3_000 }, () => gate.through(() => pace.sleep(100)));
    await expect(pace.run(unlucky)).rejects.toMatchObject({ name: 'TransientError' });
    expect(pace.now()).toBeLessThan(70_000);
    await pace.run(Promise.all(lucky));
    const gapsMs = attempts.map((at, index) => at - (attempts[index - 1] ?? at)).slice(1);
    expect(gapsMs[0]).toBeLessThan(200);
    expect(Math.min(...gapsMs.slice(7))).toBeGreaterThan(4_000);
  });

  test('waits only briefly again once calls succeeded in between', async () => {
    const pace = virtualPace(() => 0.5);
    const gate = throttleGate(8, 300_000, pace);
    const begun: number[] = [];
    const isStorm = () => pace.now() < 10_000 || (pace.now() > 60_000 && pace.now() < 60_150);
    const call = async () => {
      begun.push(pace.now());
      await pace.sleep(100);
      if (isStorm()) throw throttled();
    };
    const oneByOne = async () => {
      while (pace.now() < 70_000) await gate.through(call);
    };
    await pace.run(Promise.all(Array.from({ length: 8 }, oneByOne)));
    const longestPauseMs = (from: number, to: number) =>
      Math.max(...begun.map((at, index) => (at >= from && at < to ? at - (begun[index - 1] ?? at) : 0)));
    expect(longestPauseMs(0, 60_000)).toBeGreaterThan(2_000);
    expect(longestPauseMs(60_000, 70_000)).toBeGreaterThan(300); // there was a second storm
    expect(longestPauseMs(60_000, 70_000)).toBeLessThan(1_000);
  });

  test('is not slowed down by one throttled call in a hundred', async () => {
    const pace = virtualPace(seededRandom(7).next);
    const gate = throttleGate(64, 300_000, pace);
    let calls = 0;
    const call = async () => {
      const isRefused = ++calls % 100 === 0;
      await pace.sleep(100);
      if (isRefused) throw throttled();
    };
    await pace.run(Promise.all(Array.from({ length: 5_000 }, () => gate.through(call))));
    const idealMs = (5_000 * 100) / 64;
    expect(pace.now()).toBeLessThan(idealMs * 1.2);
  });

  test('fails a call that is throttled for longer than its budget', async () => {
    const pace = virtualPace(() => 0.5);
    const gate = throttleGate(4, 20_000, pace);
    const call = async () => {
      await pace.sleep(10);
      throw throttled();
    };
    await expect(pace.run(gate.through(call))).rejects.toMatchObject({ name: 'TransientError' });
    expect(pace.now()).toBeGreaterThanOrEqual(20_000);
    expect(pace.now()).toBeLessThan(40_000);
  });

  test('fails every queued call with one that ends while none succeeds, and then tries only one at a time, once', async () => {
    const pace = virtualPace(() => 0.5);
    const gate = throttleGate(4, 5_000, pace);
    let isThrottled = true;
    let calls = 0;
    const call = async () => {
      calls++;
      await pace.sleep(10);
      if (isThrottled) throw throttled();
      return pace.now();
    };
    const all = await pace.run(Promise.allSettled(Array.from({ length: 100 }, () => gate.through(call))));
    expect(all.filter(({ status }) => status === 'rejected')).toHaveLength(100);
    expect(calls).toBeLessThan(20);
    const [callsBefore, endedAt] = [calls, pace.now()];
    const again = await pace.run(Promise.allSettled(Array.from({ length: 100 }, () => gate.through(call))));
    expect(again.filter(({ status }) => status === 'rejected')).toHaveLength(100);
    expect({ calls: calls - callsBefore, ms: pace.now() - endedAt }).toEqual({ calls: 1, ms: 10 });
    isThrottled = false;
    const after = await pace.run(Promise.all(Array.from({ length: 100 }, () => gate.through(call))));
    expect(after).toHaveLength(100);
  });

  test.each([2, 10, 50])(
    'learns a quota of %i calls a second, uses 95 %% of it, and stays within 1.3 calls a tile',
    async (quota) => {
      const pace = virtualPace(seededRandom(quota).next);
      const gate = throttleGate(64, 5_000, pace);
      let free = quota;
      let filledAt = 0;
      let calls = 0;
      let accepted = 0;
      const call = async () => {
        calls++;
        free = Math.min(quota, free + ((pace.now() - filledAt) * quota) / 1_000);
        filledAt = pace.now();
        const isAccepted = free >= 1;
        if (isAccepted) {
          free--;
          accepted++;
        }
        await pace.sleep(isAccepted ? 500 : 20);
        if (!isAccepted) throw throttled();
      };
      const oneByOne = async () => {
        while (pace.now() < 200_000) await gate.through(call).catch(() => pace.sleep(5_000));
      };
      await pace.run(Promise.all(Array.from({ length: 64 }, oneByOne)));
      expect(accepted / (quota + (pace.now() * quota) / 1_000)).toBeGreaterThan(0.95);
      expect(calls / accepted).toBeLessThan(1.3);
    },
  );

  test('counts time in the queue only while no call succeeds', async () => {
    const pace = virtualPace(seededRandom(3).next);
    const gate = throttleGate(16, 300_000, pace);
    let free = 10; // a quota of 12 calls per minute, 10 of them saved up
    let filledAt = 0;
    const call = async () => {
      free = Math.min(10, free + (pace.now() - filledAt) / 5_000);
      filledAt = pace.now();
      if (free < 1) throw throttled();
      free--;
      await pace.sleep(1_000);
      return true;
    };
    const all = await pace.run(Promise.allSettled(Array.from({ length: 100 }, () => gate.through(call))));
    expect(all.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(pace.now()).toBeGreaterThan(300_000); // the last calls were queued for longer than the budget
  });

  test.each([
    new UserError('Expected access, got none. Ask for it.'),
    new TransientError('Expected an answer, got none.'),
    new Error('bug'),
  ])('throws %s at once, and the remaining calls continue', async (error) => {
    const pace = virtualPace(() => 0.5);
    const gate = throttleGate(1, 300_000, pace);
    let calls = 0;
    const failing = gate.through(async () => {
      calls++;
      throw error;
    });
    const after = gate.through(async () => 'came');
    await expect(pace.run(failing)).rejects.toBe(error);
    expect(await pace.run(after)).toBe('came');
    expect(calls).toBe(1);
  });
});

const image = { bytes: new Uint8Array(), width: 1, height: 1 };
const ask = { look_for: null, labels: [] };

test('a throttled model does not delay another', async () => {
  const pace = virtualPace(() => 0.5);
  const vision = throttledVision(
    {
      ...scriptedVision(),
      detect: async (model) => {
        await pace.sleep(10);
        if (model === 'test:busy' && pace.now() < 1_000) throw throttled();
        return {
          detections: [],
          usage: { input_tokens: 0, output_tokens: 0, cost_usd: 0 },
          clipped: 0,
          notes: [String(pace.now())],
        };
      },
    },
    throttleGates(2, pace),
  );
  const busy = vision.detect('test:busy', image, ask);
  const free = await pace.run(vision.detect('test:free', image, ask));
  expect(Number(free.notes[0])).toBeLessThan(100);
  expect(Number((await pace.run(busy)).notes[0])).toBeGreaterThanOrEqual(1_000);
});

test('a model that is throttled for good fails its calls within 2 s: further waiting is not done in a process', async () => {
  const pace = virtualPace(() => 0.5);
  const vision = throttledVision({ ...scriptedVision(), detect: () => Promise.reject(throttled()) }, throttleGates(2, pace));
  const calls = Array.from({ length: 8 }, () => vision.detect('test:busy', image, ask));
  const ends = await pace.run(Promise.allSettled(calls));
  expect(ends.map(({ status }) => status)).toEqual(calls.map(() => 'rejected'));
  expect(pace.now()).toBeGreaterThanOrEqual(1_500);
  expect(pace.now()).toBeLessThan(2_000);
});

test('an analysis without access to its model fails after at most as many calls as run at once', async () => {
  const refusal = 'Expected access to test:eyes, got none. Ask for it.';
  const vision = scriptedVision({
    async detect() {
      await new Promise((resolve) => setTimeout(resolve, 20));
      throw new UserError(refusal);
    },
  });
  const { progress } = await runPipeline(await greyImage(), throttledVision(vision, throttleGates(4)));
  expect(progress).toMatchObject({ status: 'FAILED', reason: refusal });
  expect(vision.detectCalls).toBeLessThanOrEqual(4);
}, 5_000);

test('an analysis through a storm analyzes every tile, with fewer than 3 calls per tile', async () => {
  const seed = Date.now() % 1_000_000;
  const random = seededRandom(seed).next;
  let stormUntil: number | null = null; // begins with the first call, however long tiling takes
  const vision = scriptedVision({
    async detect() {
      stormUntil ??= Date.now() + 3_000;
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (Date.now() < stormUntil && random() < 0.8) throw throttled();
      return [];
    },
  });
  const { document, progress } = await runPipeline(await greyImage(1_800, 1_500), throttledVision(vision, throttleGates(8)));
  const total = document?.tiles.total ?? 0;
  expect(total).toBeGreaterThan(80);
  expect({ seed, status: progress.status, done: document?.tiles.done }).toEqual({ seed, status: 'SUCCEEDED', done: total });
  expect(vision.detectCalls).toBeGreaterThan(total); // there was a storm
  expect(vision.detectCalls).toBeLessThan(3 * total);
});
