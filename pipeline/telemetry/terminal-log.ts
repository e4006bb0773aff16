// The log of a process with a terminal: JSON lines on standard error, because standard output is for results.
import { pino } from 'pino';
import { printableLines } from '../contract/printable.ts';
import type { Log } from '../ports.ts';

/** `level` is one of pino's, or `silent`. */
export function terminalLog(level: string): Log {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, errorKey: 'error' };
  const standardError = pino.destination({ fd: 2, sync: true });
  // Facts may be text of a model or a client; JSON escapes only some of what controls a terminal.
  return pino(options, { write: (line) => standardError.write(printableLines(line)) });
}
