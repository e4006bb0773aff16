// Virtual time: it advances only when the process has nothing else to do, so hours of waiting take milliseconds and always happen in
// the same order. Replaces the timers and the clock of the whole process, including those of the durable SDK.

export interface VirtualTime {
  /** Waits until the process is idle, then fires the earliest timer. Returns false if there is none. */
  advance(): Promise<boolean>;
  /** A timer of the world outside: `forgetTimers` keeps it. */
  outside(afterMs: number, work: () => void): void;
  /** Deletes the timers of the process, as its end would. */
  forgetTimers(): void;
  /** Restores real time. */
  restore(): void;
}

interface Due {
  atMs: number;
  order: number;
  work: () => void;
  ofProcess: boolean;
}

export function virtualTime(startMs = Date.UTC(2026, 0, 1)): VirtualTime {
  const real = { setTimeout, clearTimeout, setImmediate, Date };
  const due = new Map<number, Due>();
  let nowMs = startMs;
  let order = 0;
  let immediates = 0;

  const add = (afterMs: number, work: () => void, ofProcess: boolean): number => {
    due.set(++order, { atMs: nowMs + Math.max(1, afterMs), order, work, ofProcess });
    return order;
  };
  class VirtualDate extends Date {
    constructor(...args: [] | [number | string | Date]) {
      super(...((args.length === 0 ? [nowMs] : args) as [number]));
    }
    static override now(): number {
      return nowMs;
    }
  }
  const stub = {
    Date: VirtualDate,
    setTimeout: (work: (...values: unknown[]) => void, ms = 0, ...values: unknown[]) => {
      const id = add(ms, () => work(...values), true);
      const handle = { [Symbol.toPrimitive]: () => id, unref: () => handle, ref: () => handle, hasRef: () => true };
      return handle;
    },
    clearTimeout: (timer: unknown) => void due.delete(Number(timer ?? 0)),
    setImmediate: (work: (...values: unknown[]) => void, ...values: unknown[]) => {
      immediates++;
      return real.setImmediate(() => {
        immediates--;
        work(...values);
      });
    },
  };
  Object.assign(globalThis, stub);

  /** An immediate runs after all microtasks: a round without a new immediate means that the process waits for a timer. */
  async function idle(): Promise<void> {
    do await new Promise((resolve) => real.setImmediate(resolve));
    while (immediates > 0);
  }

  return {
    async advance() {
      await idle();
      const [next] = [...due.values()].sort((a, b) => a.atMs - b.atMs || a.order - b.order);
      if (!next) return false;
      due.delete(next.order);
      nowMs = Math.max(nowMs, next.atMs);
      next.work();
      return true;
    },
    outside: (afterMs, work) => void add(afterMs, work, false),
    forgetTimers() {
      for (const { order: id, ofProcess } of due.values()) if (ofProcess) due.delete(id);
    },
    restore: () => void Object.assign(globalThis, real),
  };
}
