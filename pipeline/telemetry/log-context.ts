// A log that adds the same facts to every line, and the log of a step that fails. Knows no step.
import { failureFacts } from '../contract/causes.ts';
import { withCapacityAdvice } from '../contract/disk-errors.ts';
import type { Log } from '../ports.ts';

/** Adds `facts` to every line, before the line's own. */
export function logWith(log: Log, facts: object): Log {
  return {
    debug: (more, sentence) => log.debug({ ...facts, ...more }, sentence),
    info: (more, sentence) => log.info({ ...facts, ...more }, sentence),
    warn: (more, sentence) => log.warn({ ...facts, ...more }, sentence),
    error: (more, sentence) => log.error({ ...facts, ...more }, sentence),
  };
}

export function logFailure(log: Log, facts: object, error: unknown): void {
  log.warn({ ...facts, ...failureFacts(error) }, 'An attempt of a step failed.');
}

/**
 * The body of a step that logs what it throws, with its causes and `facts` as they are then. A full disk is a TransientError. Outside the
 * step it is too late: the SDK builds the error anew from its checkpoint, which keeps only the name and the message.
 */
export function loggingFailure<T>(log: Log, facts: object, body: () => Promise<T>): () => Promise<T> {
  return async () => {
    try {
      return await body();
    } catch (cause) {
      const error = withCapacityAdvice(cause);
      logFailure(log, facts, error);
      throw error;
    }
  };
}
