// Limits calls to what a service accepts. Calls in flight: halves the limit while the service throttles, and raises it with every answer.
// Calls a second: call-rate.ts. One throttled call in a hundred is no congestion here: halving for each would leave a tenth of the calls.
// Waits for seconds only: longer waiting belongs to the durable engine. Knows no models; clock and randomness are given.
import { TransientError } from '../contract/errors.ts';
import { callRate } from './call-rate.ts';

export interface Pace {
  now(): number;
  sleep(ms: number): Promise<void>;
  /** From 0 to 1. */
  random(): number;
}

export interface ThrottleGate {
  /**
   * First come, first served. Repeats a throttled call for `budgetMs` after its first attempt; while no call succeeds, the time in
   * the queue counts too. After that, and for any other error, throws the error of the call. If no call at all has succeeded for
   * `budgetMs`, every call in the queue fails with it, and until one succeeds again, none is repeated.
   */
  through<T>(call: () => Promise<T>): Promise<T>;
}

interface Queued {
  start: () => void;
  fail: (error: unknown) => void;
  /** Repeated calls start before new ones. */
  isRepeat: boolean;
}

/** Weight of a call in the moving average of throttled calls: three in a row, or a quarter of them, slow the gate down. */
const RATE_WEIGHT = 0.1;
const RATE_MAX = 0.25;
/** Before the first repeat of a call, doubled for each further one. */
const REPEAT_MS = 100;
const PAUSE_MS = 500;
const PAUSE_MAX_MS = 8_000; // four doublings: after that the service is down rather than busy

export function throttleGate(concurrencyMax: number, budgetMs: number, pace: Pace): ThrottleGate {
  const rate = callRate(pace);
  let windowSize = concurrencyMax;
  let inFlight = 0;
  let pauseMs = PAUSE_MS;
  let closedUntil = 0;
  /** Counts the halvings: calls that began before the last one are no reason for another. */
  let round = 0;
  let throttledRate = 0;
  let isWaking = false;
  let succeededAt = 0;
  /** No call has succeeded for `budgetMs`. */
  let isDown = false;
  const queue: Queued[] = [];

  const startQueued = () => {
    while (queue.length > 0 && inFlight < Math.max(1, Math.floor(windowSize))) {
      const opensAt = pace.now() < closedUntil ? closedUntil : rate.nextAt();
      if (pace.now() < opensAt) {
        wakeAt(opensAt);
        return;
      }
      inFlight++;
      queue.shift()?.start();
      rate.started();
    }
  };

  const wakeAt = (at: number) => {
    if (isWaking) return;
    isWaking = true;
    void pace.sleep(at - pace.now()).then(() => {
      isWaking = false;
      startQueued();
    });
  };

  const turn = (isRepeat: boolean): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const firstNew = isRepeat ? queue.findIndex((queued) => !queued.isRepeat) : -1;
    queue.splice(firstNew === -1 ? queue.length : firstNew, 0, { start: resolve, fail: reject, isRepeat });
    startQueued();
    return promise;
  };

  // Between half and all of it: many processes must not return together, nor at once.
  const jittered = (ms: number) => ms * (0.5 + pace.random() / 2);

  const slowDown = (roundOfCall: number, startedAt: number) => {
    throttledRate += RATE_WEIGHT * (1 - throttledRate);
    const isCongested = throttledRate >= RATE_MAX;
    rate.throttled(startedAt, isCongested);
    if (roundOfCall !== round || !isCongested) return;
    round++;
    windowSize = Math.max(1, windowSize / 2);
    closedUntil = pace.now() + jittered(pauseMs);
    pauseMs = Math.min(PAUSE_MAX_MS, pauseMs * 2);
  };

  const speedUp = () => {
    succeededAt = pace.now();
    isDown = false;
    throttledRate *= 1 - RATE_WEIGHT;
    windowSize = Math.min(concurrencyMax, windowSize + 1);
    pauseMs = Math.max(PAUSE_MS, pauseMs / 2);
    rate.answered();
  };

  /** The next call is a probe that starts at once. */
  const giveUp = (error: unknown) => {
    if (pace.now() < succeededAt + budgetMs) return;
    isDown = true;
    windowSize = 1;
    closedUntil = 0;
    for (const { fail } of queue.splice(0)) fail(error);
  };

  return {
    async through(call) {
      const queuedAt = pace.now();
      let triedAt = Number.POSITIVE_INFINITY;
      for (let repeats = 0; ; repeats++) {
        await turn(repeats > 0);
        const startedAt = pace.now();
        triedAt = Math.min(triedAt, startedAt);
        const roundOfCall = round;
        try {
          const answer = await call();
          speedUp();
          return answer;
        } catch (error) {
          const throttled = error instanceof TransientError && error.throttled;
          if (!throttled) throw error;
          slowDown(roundOfCall, startedAt);
          const budgetEndsAt = Math.min(triedAt, Math.max(queuedAt, succeededAt)) + budgetMs;
          if (isDown || pace.now() >= budgetEndsAt) {
            giveUp(error);
            throw error;
          }
          closedUntil = Math.min(closedUntil, budgetEndsAt); // the last attempt of this call comes in time
        } finally {
          inFlight--;
          startQueued();
        }
        await pace.sleep(jittered(Math.min(PAUSE_MAX_MS, REPEAT_MS * 2 ** repeats)));
      }
    },
  };
}
