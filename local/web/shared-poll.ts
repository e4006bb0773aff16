// Reads something again and again for all who watch it, and not at all when nobody does.
import { setTimeout as sleep } from 'node:timers/promises';

export interface SharedPoll<T> {
  /** What was read last, each time that it was read again; whoever is slow is told the latest only. Ends with the signal. */
  watch(signal: AbortSignal): AsyncGenerator<T, void>;
}

export interface SharedPollOptions {
  everyMs: number;
  /** A read that failed is tried again the next time. */
  onError(error: unknown): void;
  /** The last one has left. */
  onIdle?(): void;
}

export function sharedPoll<T>(read: () => Promise<T>, { everyMs, onError, onIdle }: SharedPollOptions): SharedPoll<T> {
  let latest: { value: T } | null = null;
  let round = Promise.withResolvers<void>();
  let watchers = 0;
  let polling = false;

  const wake = () => {
    round.resolve();
    round = Promise.withResolvers();
  };
  const poll = async () => {
    polling = true;
    while (watchers > 0) {
      try {
        latest = { value: await read() };
        wake();
      } catch (error) {
        onError(error);
      }
      await sleep(everyMs);
    }
    polling = false;
    latest = null;
  };

  return {
    async *watch(signal) {
      watchers++;
      signal.addEventListener('abort', wake);
      if (!polling) void poll();
      try {
        for (let told: typeof latest = null; !signal.aborted; ) {
          const next = round.promise;
          if (latest === null || latest === told) await next;
          else {
            told = latest;
            yield latest.value;
          }
        }
      } finally {
        signal.removeEventListener('abort', wake);
        watchers--;
        if (watchers === 0) onIdle?.();
      }
    },
  };
}
