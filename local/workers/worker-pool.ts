// Worker processes for invocations: one invocation at a time in each, reused while warm, killed if they hang or if nothing waits for
// them any more. Must not know what they run.
import { type ChildProcess, fork } from 'node:child_process';
import type { DurableExecutionInvocationOutput } from '@aws/durable-execution-sdk-js';
import type { Log } from '../../pipeline/ports.ts';
import type { Invoker } from '../engine/invocation.ts';
import { ProcessLost } from '../engine/step-gate.ts';
import { type Freezing, freezer } from './freezing.ts';
import { type FromWorker, respond, type ToWorker } from './worker-protocol.ts';

export interface WorkerPoolOptions {
  /** The module that calls `serveInvocations`. */
  entry: URL;
  args: string[];
  workersMax: number;
  /** Called with the id of each process that has ended, however it ended: it may have left temporary files. */
  exited?: (pid: number) => void;
  /** Freezes the processes between invocations. */
  freezing?: Freezing;
  log: Log;
}

export interface WorkerPool {
  /** Waits for a free worker. Rejects if the worker exits or does not answer in time, and if the invocation is abandoned. */
  invoke: Invoker;
  /** Kills every worker and resolves when all have exited. Running invocations reject. */
  close(): Promise<void>;
}

/** An invocation that waits for a worker. */
interface Waiting {
  resolve(worker: ChildProcess): void;
  reject(error: Error): void;
}

const IDLE_MS = 60_000; // a warm worker keeps its models loaded: some 400 MB

/** Signals of a person or the machine. A worker that they end did not crash. */
const REQUESTED_EXITS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];
/** An abandoned invocation ends by itself at its next checkpoint, unless a step hangs. Until then its worker, with its models, is kept. */
const ABANDONED_MS = 2_000;
const CLOSED = 'The worker pool is closed.';
const ABANDONED = 'The invocation was abandoned: its execution has ended.';

export function workerPool({ entry, args, workersMax, exited, freezing, log }: WorkerPoolOptions): WorkerPool {
  const ice = freezing ? freezer(freezing) : null;
  const workers = new Set<ChildProcess>();
  const idle = new Map<ChildProcess, NodeJS.Timeout>();
  const queue: Waiting[] = [];
  let closed = false;

  const start = (): ChildProcess => {
    // Standard output belongs to the command, which may speak a protocol on it.
    const worker = fork(entry, args, { execArgv: [], stdio: ['ignore', 2, 'inherit', 'ipc'] });
    workers.add(worker);
    const remove = () => {
      if (!workers.delete(worker)) return;
      if (worker.pid !== undefined) exited?.(worker.pid);
      clearTimeout(idle.get(worker));
      idle.delete(worker);
      const next = closed ? undefined : queue.shift();
      next?.resolve(start());
    };
    worker.once('exit', remove).on('error', (error) => {
      log.error({ error }, 'Could not start or reach a worker process.');
      if (worker.pid === undefined) remove();
    });
    return worker;
  };

  const take = async (abandoned: AbortSignal): Promise<ChildProcess> => {
    if (closed) throw new Error(CLOSED);
    if (abandoned.aborted) throw new Error(ABANDONED);
    const warm = idle.keys().next().value;
    if (warm) {
      clearTimeout(idle.get(warm));
      idle.delete(warm);
      ice?.thaw(warm);
      return warm;
    }
    if (workers.size < workersMax) return start();
    const { promise, resolve, reject } = Promise.withResolvers<ChildProcess>();
    const waiting: Waiting = { resolve, reject };
    const leave = () => {
      const position = queue.indexOf(waiting);
      if (position < 0) return; // a worker is on its way
      queue.splice(position, 1);
      reject(new Error(ABANDONED));
    };
    queue.push(waiting);
    abandoned.addEventListener('abort', leave, { once: true });
    return await promise;
  };

  const release = (worker: ChildProcess): void => {
    if (closed || !worker.connected || !workers.has(worker) || worker.killed) return;
    const next = queue.shift();
    if (next) {
      next.resolve(worker);
      return;
    }
    idle.set(worker, setTimeout(() => worker.kill(ice ? 'SIGKILL' : 'SIGTERM'), IDLE_MS).unref());
    ice?.freeze(worker);
  };

  return {
    async invoke(...invocation) {
      const worker = await take(invocation[3]);
      try {
        return await invokeIn(worker, log, ...invocation);
      } finally {
        release(worker);
      }
    },
    async close() {
      closed = true;
      for (const { reject } of queue.splice(0)) reject(new Error(CLOSED));
      await Promise.all([...workers].map(kill));
    },
  };
}

async function invokeIn(worker: ChildProcess, log: Log, ...[event, client, timeoutMs, abandoned]: Parameters<Invoker>) {
  const { promise, resolve, reject } = Promise.withResolvers<DurableExecutionInvocationOutput>();
  const timeout = setTimeout(() => {
    worker.kill('SIGKILL');
    reject(new ProcessLost(`The worker process did not answer within ${timeoutMs} ms and was killed.`));
  }, timeoutMs);
  let abandonment: NodeJS.Timeout | undefined;
  const onAbandoned = () => {
    abandonment = setTimeout(() => {
      worker.kill('SIGKILL'); // a native call does not end otherwise
      reject(new Error(ABANDONED));
    }, ABANDONED_MS);
  };
  const onExit = (code: number | null, signal: NodeJS.Signals | null) => {
    const message = `The worker process exited with ${signal ?? `code ${code}`}.`;
    reject(signal && REQUESTED_EXITS.includes(signal) ? new Error(message) : new ProcessLost(message));
  };
  const onMessage = (message: FromWorker) => {
    if (message.kind === 'output') resolve(message.output);
    else if (message.kind === 'failure') reject(new Error(message.message, { cause: message.stack }));
    else
      respond(message, client).then(
        (response) => send(worker, response),
        (error) => log.error({ error }, 'Could not answer a worker process.'),
      );
  };
  worker.on('message', onMessage).once('exit', onExit).once('error', reject);
  abandoned.addEventListener('abort', onAbandoned, { once: true });
  if (abandoned.aborted) onAbandoned();
  try {
    send(worker, { kind: 'invoke', event, timeoutMs });
    return await promise;
  } finally {
    clearTimeout(timeout);
    clearTimeout(abandonment);
    abandoned.removeEventListener('abort', onAbandoned);
    worker.off('message', onMessage).off('exit', onExit).off('error', reject);
  }
}

function kill(worker: ChildProcess): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  worker.once('exit', () => resolve()).kill('SIGKILL');
  return promise;
}

function send(worker: ChildProcess, message: ToWorker): void {
  if (worker.connected) worker.send(message, () => {}); // a message that cannot be sent is followed by the worker's exit
}
