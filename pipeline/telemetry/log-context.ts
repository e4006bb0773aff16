// A log that adds the same facts to every line.
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
