// Watches a process whose main thread runs a foreign model, from a thread of its own: the main one may never return. Ends the process if its
// parent has gone, or if it holds too much memory.
import { totalmem } from 'node:os';
import { Worker } from 'node:worker_threads';

/** A process that holds too much memory ends with it: its parent cannot see another reason. */
export const TOO_MUCH_MEMORY = 'SIGUSR2';
const MEMORY_SHARE = 0.75;

const EVERY_MS = 20;

const SOURCE = `const { workerData: { parent, bytesMax, signal, everyMs } } = require('node:worker_threads');
setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
  if (process.memoryUsage.rss() > bytesMax) process.kill(process.pid, signal);
}, everyMs);`;

/** The most memory that one process may hold: this machine, or its container, must not end a server for a model. */
export function memoryBytesMax(): number {
  const ofContainer = process.constrainedMemory(); // 0, or more than there is, without a limit
  return Math.round(MEMORY_SHARE * (ofContainer > 0 ? Math.min(ofContainer, totalmem()) : totalmem()));
}

/** Memory that is not written does not count. */
export function startGuard(bytesMax: number): void {
  const workerData = { parent: process.ppid, bytesMax, signal: TOO_MUCH_MEMORY, everyMs: EVERY_MS };
  new Worker(SOURCE, { eval: true, workerData }).unref();
}
