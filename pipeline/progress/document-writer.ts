// Stores a document that changes often: the latest state, at most every `progressEveryMs`, one write at a time.
import { type StoredDocument, writeDocument } from '../documents.ts';
import type { PipelineDeps } from '../ports.ts';

export interface DocumentWriter<T> {
  /** Stores a snapshot within `progressEveryMs`. */
  soon(): void;
  /** Resolves when `state` is stored, after every write before it. */
  last(state: T | Promise<T>): Promise<void>;
  /** Stops the timer and waits for a write under way. */
  close(): Promise<void>;
}

export function documentWriter<T>(
  document: StoredDocument<T>,
  snapshot: () => T | Promise<T>,
  { blobs, log, limits }: Pick<PipelineDeps, 'blobs' | 'log' | 'limits'>,
): DocumentWriter<T> {
  let timer: NodeJS.Timeout | null = null;
  let writing: Promise<void> = Promise.resolve();
  const write = (state: T | Promise<T>): Promise<void> => {
    const written = Promise.all([state, writing]).then(([latest]) => writeDocument(document, latest, blobs));
    writing = written.catch(() => {}); // only the caller of this write handles its failure, not the next write
    return written;
  };
  const stopTimer = () => {
    if (timer) clearTimeout(timer);
    timer = null;
  };
  return {
    soon() {
      timer ??= setTimeout(() => {
        timer = null;
        write(snapshot()).catch((error) => log.warn({ error }, 'Progress could not be stored; the execution continues.'));
      }, limits.progressEveryMs);
    },
    async last(state) {
      stopTimer();
      await write(state);
    },
    async close() {
      stopTimer();
      await writing;
    },
  };
}
