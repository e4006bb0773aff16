// Polls one value for all of its watchers, and only while it has watchers. Must not know what it reads.
import { setTimeout as sleep } from 'node:timers/promises';

export interface SharedPoll<T> {
  /** The value after each read; a slow watcher gets only the latest one. Ends with the signal. */
  watch(signal: AbortSignal): AsyncGenerator<T, void>;
}

export interface SharedPollOptions {
  everyMs: number;
  /** A read failed. The next poll tries again. */
  onError(error: unknown): void;
  /** The last watcher has left. */
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
        for (let yielded: typeof latest = null; !signal.aborted; ) {
          const next = round.promise;
          if (latest === null || latest === yielded) await next;
          else {
            yielded = latest;
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
