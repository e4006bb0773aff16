// A log whose every line says what it is about.
import type { Log } from '../ports.ts';

/** `facts` stand in every line, before those of the line itself. */
export function logWith(log: Log, facts: object): Log {
  return {
    debug: (more, sentence) => log.debug({ ...facts, ...more }, sentence),
    info: (more, sentence) => log.info({ ...facts, ...more }, sentence),
    warn: (more, sentence) => log.warn({ ...facts, ...more }, sentence),
    error: (more, sentence) => log.error({ ...facts, ...more }, sentence),
  };
}
