// The log of the command line: JSON lines on standard error, because standard output is for results.
import { pino } from 'pino';
import type { Config } from '../pipeline/config.ts';
import type { Log } from '../pipeline/ports.ts';

export function makeLog(level: Config['LOG_LEVEL']): Log {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, errorKey: 'error' };
  return pino(options, pino.destination({ fd: 2, sync: true }));
}
