// Named timers of one engine, each at most once, all cleared together. Knows nothing of what they are for.

/** Calls `work` after a while, unless the function that it returns is called before. */
export type AfterDelay = (ms: number, work: () => void) => () => void;

export interface Timers {
  /** Replaces the timer of that name; null clears it. */
  set(name: string, ms: number | null, work: () => void): void;
  /** Resolves after a while; never once all is cleared. */
  pause(ms: number): Promise<void>;
  clear(): void;
}

const TIMER_MAX_MS = 2_147_483_647; // what setTimeout can hold; whoever is woken early sets it again

export function timers(afterDelay: AfterDelay = onThisMachine): Timers {
  const cancels = new Map<string, () => void>();
  let pauses = 0;

  const set: Timers['set'] = (name, ms, work) => {
    cancels.get(name)?.();
    cancels.delete(name);
    if (ms === null) return;
    const fired = () => {
      cancels.delete(name);
      work();
    };
    cancels.set(name, afterDelay(Math.min(Math.max(0, ms), TIMER_MAX_MS), fired));
  };

  return {
    set,
    pause(ms) {
      const { promise, resolve } = Promise.withResolvers<void>();
      set(`pause ${++pauses}`, ms, resolve);
      return promise;
    },
    clear() {
      for (const cancel of cancels.values()) cancel();
      cancels.clear();
    },
  };
}

const onThisMachine: AfterDelay = (ms, work) => {
  const timer = setTimeout(work, ms);
  return () => clearTimeout(timer);
};
