// Learns how many calls a second a service accepts, and stays a few percent above it: a throttled call costs nothing, and a part of the
// quota that is not used is lost. Knows neither calls nor models.

export interface CallRate {
  /** When the next call may start. */
  nextAt(): number;
  started(): void;
  /** The call that began at `begunAt` was throttled. Congested: many are, not one in a hundred. */
  throttled(begunAt: number, isCongested: boolean): void;
  answered(): void;
}

/** Each throttled call slows the pace by a twentieth, each answer speeds it up: they balance at one throttled call in 16. */
const SLOWER = 1.05;
const FASTER = 0.003;
/** After as many answers in a row, or those of a whole window, the pace rises faster and faster: the quota has changed. */
const RUN_MIN = 3;
/** Quotas are per second or per minute: a second is where a window without history begins. */
const WINDOW_MIN_MS = 1_000;
const WINDOW_MS = 60_000;
const STARTS_MAX = 10_000; // 167 calls a second for a whole window
/** A storm must not stop all calls for long: twice as slow as what was accepted in the window, and at least every 4 s. */
const GAP_OF_ACCEPTED_MAX = 2;
const GAP_MAX_MS = 4_000;
const GAP_MIN_MS = 1;
const SPEEDUP_MAX = 0.5;

export function callRate(pace: { now(): number }): CallRate {
  /** Between the starts of two calls; 0 until the service is congested. */
  let gapMs = 0;
  let startedAt = Number.NEGATIVE_INFINITY;
  let slowedAt = Number.NEGATIVE_INFINITY;
  let firstAt = 0;
  /** The next start sets the first pace. */
  let isLearning = false;
  /** Answers since the last throttled call. */
  let run = 0;
  /** Calls that were accepted in the window before that one. */
  let quota = 0;
  /** When calls started that were not throttled. */
  let accepted: number[] = [];

  const acceptedGapMs = (): number | null => {
    const now = pace.now();
    accepted = accepted.filter((at) => at > now - WINDOW_MS);
    if (accepted.length === 0) return null;
    const sinceMs = Math.min(WINDOW_MS, now - firstAt);
    return Math.max(WINDOW_MIN_MS, sinceMs) / accepted.length;
  };

  return {
    nextAt() {
      if (isLearning) gapMs = acceptedGapMs() ?? 0;
      isLearning = false;
      return startedAt + gapMs;
    },
    started() {
      const now = pace.now();
      if (now - startedAt > WINDOW_MS) firstAt = now; // the first call, or the first after a pause
      startedAt = now;
      accepted.push(startedAt);
      if (accepted.length > STARTS_MAX) accepted.shift();
    },
    throttled(begunAt: number, isCongested: boolean) {
      const call = accepted.lastIndexOf(begunAt);
      if (call >= 0) accepted.splice(call, 1); // a slow call may have left the window
      run = 0;
      quota = accepted.length;
      if (gapMs === 0) {
        isLearning ||= isCongested; // at the next start: other calls of the moment are throttled, too
        return;
      }
      if (begunAt < slowedAt) return; // the pace has been slowed down since
      slowedAt = pace.now();
      gapMs = Math.min(gapMs * SLOWER, GAP_OF_ACCEPTED_MAX * (acceptedGapMs() ?? GAP_MAX_MS), GAP_MAX_MS);
    },
    answered() {
      run++;
      gapMs *= 1 - Math.min(SPEEDUP_MAX, FASTER * (1 + (run / Math.max(RUN_MIN, quota)) ** 2));
      if (gapMs < GAP_MIN_MS) gapMs = 0;
    },
  };
}
