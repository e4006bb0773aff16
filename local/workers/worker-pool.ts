// Worker processes for invocations: one at a time in each, reused while warm, killed when they hang. Knows nothing of what they run.
import { type ChildProcess, fork } from 'node:child_process';
import type { DurableExecutionInvocationOutput } from '@aws/durable-execution-sdk-js';
import type { Log } from '../../pipeline/ports.ts';
import type { Invoker } from '../engine/engine.ts';
import { ProcessLost } from '../engine/step-gate.ts';
import { answerTo, type FromWorker, type ToWorker } from './worker-protocol.ts';

export interface WorkerPoolOptions {
  /** The module that calls `serveInvocations`. */
  entry: URL;
  args: string[];
  workersMax: number;
  log: Log;
}

export interface WorkerPool {
  /** Waits in line for a worker. Rejects when the worker dies or takes longer than its time. */
  invoke: Invoker;
  /** Kills every worker and resolves when all are gone; invocations under way reject. */
  close(): Promise<void>;
}

const IDLE_MS = 60_000; // a warm worker holds its models: some 400 MB

const ASKED_TO_END: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP']; // by a person or the machine, not by a crash
const CLOSED = 'The worker processes of this server are being ended.';

export function workerPool({ entry, args, workersMax, log }: WorkerPoolOptions): WorkerPool {
  const workers = new Set<ChildProcess>();
  const idle = new Map<ChildProcess, NodeJS.Timeout>();
  const line: { go: (worker: ChildProcess) => void; refuse: (error: Error) => void }[] = [];
  let closed = false;

  const start = (): ChildProcess => {
    const worker = fork(entry, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    workers.add(worker);
    const gone = () => {
      if (!workers.delete(worker)) return;
      clearTimeout(idle.get(worker));
      idle.delete(worker);
      const next = closed ? undefined : line.shift();
      next?.go(start());
    };
    worker.once('exit', gone).on('error', (error) => {
      log.error({ error }, 'A worker could not be started or reached.');
      if (worker.pid === undefined) gone();
    });
    return worker;
  };

  const take = async (): Promise<ChildProcess> => {
    if (closed) throw new Error(CLOSED);
    const warm = idle.keys().next().value;
    if (warm) {
      clearTimeout(idle.get(warm));
      idle.delete(warm);
      return warm;
    }
    if (workers.size < workersMax) return start();
    return await new Promise((go, refuse) => line.push({ go, refuse }));
  };

  const giveBack = (worker: ChildProcess): void => {
    if (closed || !worker.connected || !workers.has(worker) || worker.killed) return;
    const next = line.shift();
    if (next) next.go(worker);
    else idle.set(worker, setTimeout(() => worker.kill(), IDLE_MS).unref());
  };

  return {
    async invoke(event, client, timeoutMs) {
      const worker = await take();
      const { promise, resolve, reject } = Promise.withResolvers<DurableExecutionInvocationOutput>();
      const timeout = setTimeout(() => {
        worker.kill('SIGKILL');
        reject(new ProcessLost(`The worker did not answer within ${timeoutMs} ms and was killed.`));
      }, timeoutMs);
      const onExit = (code: number | null, signal: NodeJS.Signals | null) => {
        const Lost = signal && ASKED_TO_END.includes(signal) ? Error : ProcessLost;
        reject(new Lost(`The worker ended with ${signal ?? `code ${code}`}.`));
      };
      const onMessage = (message: FromWorker) => {
        if (message.kind === 'output') resolve(message.output);
        else if (message.kind === 'threw') reject(new Error(message.message, { cause: message.stack }));
        else
          answerTo(message, client).then(
            (answer) => tell(worker, answer),
            (error) => log.error({ error }, 'A worker could not be answered.'),
          );
      };
      worker.on('message', onMessage).once('exit', onExit).once('error', reject);
      try {
        tell(worker, { kind: 'invoke', event, timeoutMs });
        return await promise;
      } finally {
        clearTimeout(timeout);
        worker.off('message', onMessage).off('exit', onExit).off('error', reject);
        giveBack(worker);
      }
    },
    async close() {
      closed = true;
      for (const { refuse } of line.splice(0)) refuse(new Error(CLOSED));
      await Promise.all([...workers].map(killed));
    },
  };
}

function killed(worker: ChildProcess): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  worker.once('exit', () => resolve()).kill('SIGKILL');
  return promise;
}

function tell(worker: ChildProcess, message: ToWorker): void {
  if (worker.connected) worker.send(message, () => {}); // what cannot be sent any more is known by the exit that follows
}
