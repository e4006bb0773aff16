// Stores a document that changes often: the latest state, at most every `progressEveryMs`, one write at a time.
import { type StoredDocument, writeDocument } from '../documents.ts';
import type { PipelineDeps } from '../ports.ts';

export interface DocumentWriter<T> {
  /** Stores a snapshot within `progressEveryMs`. Does nothing after `last`, `flush` and `close`. */
  soon(): void;
  /** Resolves when `state` is stored, after every write before it. */
  last(state: T | Promise<T>): Promise<void>;
  /** Stores what `soon` has announced, then closes. */
  flush(): Promise<void>;
  /** Stops the timer and waits for a write under way. */
  close(): Promise<void>;
}

/** A snapshot that is `null` is not stored. */
export function documentWriter<T>(
  document: StoredDocument<T>,
  snapshot: () => T | null | Promise<T | null>,
  { blobs, log, limits }: Pick<PipelineDeps, 'blobs' | 'log' | 'limits'>,
): DocumentWriter<T> {
  let timer: NodeJS.Timeout | null = null;
  let writing: Promise<void> = Promise.resolve();
  let closed = false;
  /** Reads the state only after the write before: a snapshot may depend on what is stored. */
  const write = (state: () => T | null | Promise<T | null>): Promise<void> => {
    const written = writing.then(state).then(async (latest) => {
      if (latest !== null) await writeDocument(document, latest, blobs);
    });
    writing = written.catch(() => {}); // only the caller of this write handles its failure, not the next write
    return written;
  };
  const writeSnapshot = () =>
    write(snapshot).catch((error) => log.warn({ error }, 'Progress could not be stored; the execution continues.'));
  const disarm = () => {
    closed = true;
    if (timer) clearTimeout(timer);
    timer = null;
  };
  return {
    soon() {
      if (closed) return;
      timer ??= setTimeout(() => {
        timer = null;
        void writeSnapshot();
      }, limits.progressEveryMs);
    },
    async last(state) {
      disarm();
      await write(() => state);
    },
    async flush() {
      const isAnnounced = timer !== null;
      disarm();
      await (isAnnounced ? writeSnapshot() : writing);
    },
    async close() {
      disarm();
      await writing;
    },
  };
}
