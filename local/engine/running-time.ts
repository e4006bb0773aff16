// Counts the execution timeout in running time of the engine: the time of a stopped server or a sleeping machine does not count. After a
// gap between two calls, the deadlines move by that gap. Must not know when an execution runs.
import type { Store } from './store/engine-store.ts';

/** Gaps are measured with this precision. The timeout is a day. */
export const ALIVE_EVERY_MS = 300_000;
/** A busy process may be late by this time. */
const GAP_MIN_MS = 2 * ALIVE_EVERY_MS;

export interface RunningTime {
  /** The engine starts: it was down since it was last alive. */
  started(): void;
  /** The engine is alive. Call it before deadlines are checked, and every ALIVE_EVERY_MS while executions run. */
  alive(): void;
}

export function runningTime(store: Store, nowMs: () => number): RunningTime {
  let aliveMs: number | null = null;
  const moveBy = (gapMs: number, now: number): void =>
    store.transaction(() => {
      if (gapMs > 0) store.moveDeadlines(gapMs);
      store.setAlive(now);
    });
  return {
    started() {
      const now = nowMs();
      moveBy(now - (store.aliveAt() ?? now), now);
      aliveMs = now;
    },
    alive() {
      const now = nowMs();
      const gapMs = aliveMs === null ? 0 : now - aliveMs;
      if (aliveMs !== null && gapMs < ALIVE_EVERY_MS) return;
      moveBy(gapMs >= GAP_MIN_MS ? gapMs : 0, now);
      aliveMs = now;
    },
  };
}
