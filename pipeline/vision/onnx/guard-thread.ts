// Watches a process whose main thread runs a foreign model, from a thread of its own: the main one may never return. Ends the process if its
// parent has gone, or if it holds too much memory.
import { Worker } from 'node:worker_threads';

const EVERY_MS = 20;
const PARENT_CHECK_MS = 250;

const SOURCE = `const { workerData: { parent, bytesMax, signal, everyMs } } = require('node:worker_threads');
setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
  if (bytesMax !== null && process.memoryUsage.rss() > bytesMax) process.kill(process.pid, signal);
}, everyMs);`;

/** `signal` shows the parent why the process ended. Memory that is not written does not count. */
export function startGuard(memory: { bytesMax: number; signal: NodeJS.Signals } | null): void {
  const workerData = {
    parent: process.ppid,
    bytesMax: memory?.bytesMax ?? null,
    signal: memory?.signal ?? null,
    everyMs: memory ? EVERY_MS : PARENT_CHECK_MS,
  };
  new Worker(SOURCE, { eval: true, workerData }).unref();
}
