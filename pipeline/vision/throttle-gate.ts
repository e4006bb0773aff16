// Lets so many calls through at once as the other side bears: halves them when it keeps asking for fewer, and adds one by one again.
// Additive increase, multiplicative decrease, as TCP (RFC 5681); but a call in a hundred that is refused is no congestion here:
// halving for each would leave a tenth of the calls. Knows no models; time and chance are given.
import { TransientError } from '../contract/errors.ts';

export interface Pace {
  now(): number;
  sleep(ms: number): Promise<void>;
  /** From 0 to 1. */
  random(): number;
}

export interface ThrottleGate {
  /**
   * First come, first served. A throttled call is repeated for `budgetMs` after its first attempt; while nobody gets an answer,
   * the time in line counts too. Then, and on any other error, its error rises.
   */
  through<T>(call: () => Promise<T>): Promise<T>;
}

interface Waiting {
  go: () => void;
  /** A repeated call goes before those that were never made. */
  again: boolean;
}

/** A moving average of how many calls are throttled: three in a row, or a quarter of them, are a reason to slow down. */
const RATE_WEIGHT = 0.1;
const RATE_MAX = 0.25;
/** Before a refused call is repeated, doubled each time it is refused again. */
const REPEAT_MS = 100;
const PAUSE_MS = 500;
const PAUSE_MAX_MS = 8_000; // four doublings: after that the other side is down rather than busy

export function throttleGate(concurrencyMax: number, budgetMs: number, pace: Pace): ThrottleGate {
  let windowSize = concurrencyMax;
  let inFlight = 0;
  let pauseMs = PAUSE_MS;
  let closedUntil = 0;
  /** Counts the halvings: calls that began before one say nothing new about it. */
  let round = 0;
  let throttledRate = 0;
  let waking = false;
  let answeredAt = 0;
  const line: Waiting[] = [];

  const letThrough = () => {
    if (pace.now() < closedUntil) {
      wakeLater();
      return;
    }
    while (line.length > 0 && inFlight < Math.max(1, Math.floor(windowSize))) {
      inFlight++;
      line.shift()?.go();
    }
  };

  const wakeLater = () => {
    if (waking) return;
    waking = true;
    void pace.sleep(closedUntil - pace.now()).then(() => {
      waking = false;
      letThrough();
    });
  };

  const turn = (again: boolean): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const behind = again ? line.findIndex((other) => !other.again) : -1;
    line.splice(behind === -1 ? line.length : behind, 0, { go: resolve, again });
    letThrough();
    return promise;
  };

  // Between half and all of it: many processes must not come back together, nor at once.
  const jittered = (ms: number) => ms * (0.5 + pace.random() / 2);

  const slower = (began: number) => {
    throttledRate += RATE_WEIGHT * (1 - throttledRate);
    if (began !== round || throttledRate < RATE_MAX) return;
    round++;
    windowSize = Math.max(1, windowSize / 2);
    closedUntil = pace.now() + jittered(pauseMs);
    pauseMs = Math.min(PAUSE_MAX_MS, pauseMs * 2);
  };

  const faster = () => {
    answeredAt = pace.now();
    throttledRate *= 1 - RATE_WEIGHT;
    windowSize = Math.min(concurrencyMax, windowSize + 1 / windowSize);
    pauseMs = Math.max(PAUSE_MS, pauseMs / 2);
  };

  return {
    async through(call) {
      const handedInAt = pace.now();
      let triedAt = Number.POSITIVE_INFINITY;
      for (let repeats = 0; ; repeats++) {
        await turn(repeats > 0);
        triedAt = Math.min(triedAt, pace.now());
        const began = round;
        try {
          const answer = await call();
          faster();
          return answer;
        } catch (error) {
          const throttled = error instanceof TransientError && error.throttled;
          if (throttled) slower(began);
          const patientUntil = Math.min(triedAt, Math.max(handedInAt, answeredAt)) + budgetMs;
          if (!throttled || pace.now() >= patientUntil) throw error;
        } finally {
          inFlight--;
          letThrough();
        }
        await pace.sleep(jittered(Math.min(PAUSE_MAX_MS, REPEAT_MS * 2 ** repeats)));
      }
    },
  };
}
