// Writes an object that tells how far something is: at most every `progressEveryMs`, one write at a time, the latest state.
import type { PipelineDeps } from '../ports.ts';

export interface ObjectWriter {
  soon(): void;
  /** Resolves when `state` is stored, as the last one for now. */
  last(state: object | Promise<object>): Promise<void>;
  /** Stops the timer and waits for a write under way. */
  close(): Promise<void>;
}

export function objectWriter(
  key: string,
  snapshot: () => object | Promise<object>,
  { blobs, log, limits }: Pick<PipelineDeps, 'blobs' | 'log' | 'limits'>,
): ObjectWriter {
  let timer: NodeJS.Timeout | null = null;
  let writing: Promise<void> = Promise.resolve();
  const write = (state: object | Promise<object>): Promise<void> => {
    const written = Promise.all([state, writing]).then(([latest]) => blobs.put(key, Buffer.from(JSON.stringify(latest))));
    writing = written.catch(() => {}); // the next write must not fail for this one; its caller hears of it
    return written;
  };
  const stop = () => {
    if (timer) clearTimeout(timer);
    timer = null;
  };
  return {
    soon() {
      timer ??= setTimeout(() => {
        timer = null;
        write(snapshot()).catch((error) => log.warn({ error }, 'Progress could not be stored; the run goes on.'));
      }, limits.progressEveryMs);
    },
    async last(state) {
      stop();
      await write(state);
    },
    async close() {
      stop();
      await writing;
    },
  };
}
