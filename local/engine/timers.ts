// The named timers of one engine: one timer a name, all cleared together. Must not know their purpose.

/** Calls `work` after `ms`. Returns a function that cancels the call. */
export type AfterDelay = (ms: number, work: () => void) => () => void;

export interface Timers {
  /** Replaces the timer of that name; with `null`, clears it. */
  set(name: string, ms: number | null, work: () => void): void;
  /** Resolves after `ms`, or once `until` is aborted; never, if the timers are cleared before. */
  pause(ms: number, until: AbortSignal): Promise<void>;
  clear(): void;
}

const TIMER_MAX_MS = 2_147_483_647; // the longest delay of setTimeout; a timer that fires early is set again by its work

export function timers(afterDelay: AfterDelay = systemTimer): Timers {
  const cancels = new Map<string, () => void>();
  let pauses = 0;

  const set: Timers['set'] = (name, ms, work) => {
    cancels.get(name)?.();
    cancels.delete(name);
    if (ms === null) return;
    const fire = () => {
      cancels.delete(name);
      work();
    };
    cancels.set(name, afterDelay(Math.min(Math.max(0, ms), TIMER_MAX_MS), fire));
  };

  return {
    set,
    async pause(ms, until) {
      const name = `pause ${++pauses}`;
      const { promise, resolve } = Promise.withResolvers<void>();
      const abort = () => {
        set(name, null, resolve);
        resolve();
      };
      set(name, ms, resolve);
      until.addEventListener('abort', abort, { once: true });
      if (until.aborted) abort();
      await promise;
      until.removeEventListener('abort', abort);
    },
    clear() {
      for (const cancel of cancels.values()) cancel();
      cancels.clear();
    },
  };
}

const systemTimer: AfterDelay = (ms, work) => {
  const timer = setTimeout(work, ms);
  return () => clearTimeout(timer);
};
