// Time that passes only when nothing else is left to do: hours of waiting take milliseconds, and always in the same order.
// Stands in for the timers and the clock of the whole process, the durable SDK's included.

export interface VirtualTime {
  /** Lets the earliest thing happen that is due, once everything that it led to is over. False when there is none. */
  advance(): Promise<boolean>;
  /** What the world outside does: it outlives the process. */
  outside(afterMs: number, work: () => void): void;
  /** The process is gone, and its timers with it. */
  forgetTimers(): void;
  /** Gives the process its own time back. */
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

  /** Immediates run after every microtask, so that one round without a new one is a process that waits for time. */
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
