// What a worker process and its parent say to each other, and the worker's side of it: invocations in, checkpoints out.
import { randomUUID } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import {
  DurableExecutionClientError,
  type DurableExecutionInvocationInput,
  type DurableExecutionInvocationOutput,
  type DurableInstrumentationPlugin,
  type DurableLambdaHandler,
  isDurableExecutionClientError,
} from '@aws/durable-execution-sdk-js';
import type { InvocationClient } from '../engine/engine.ts';
import { crashGuard } from './crash-guard.ts';

export type ToWorker =
  | { kind: 'invoke'; event: DurableExecutionInvocationInput; timeoutMs: number }
  | { kind: 'answer'; id: number; value: unknown }
  | { kind: 'refusal'; id: number; message: string; scope: 'INVOCATION' | 'EXECUTION' | null };

export type FromWorker =
  | { kind: 'call'; id: number; method: keyof InvocationClient; request: unknown }
  | { kind: 'output'; output: DurableExecutionInvocationOutput }
  | { kind: 'threw'; message: string; stack: string };

/** Passes both on to `withDurableExecution`: the second keeps a crash from being repeated for ever. */
type HandlerOf = (client: InvocationClient, plugins: DurableInstrumentationPlugin[]) => DurableLambdaHandler;

const ORPHAN_CHECK_MS = 500;

/** Serves one invocation at a time until the parent is gone. Interrupts from a terminal are the parent's to handle. */
export function serveInvocations(handlerOf: HandlerOf): void {
  const calls = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  let lastCall = 0;

  const call = <T>(method: keyof InvocationClient, request: unknown): Promise<T> => {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const id = ++lastCall;
    calls.set(id, { resolve, reject });
    say({ kind: 'call', id, method, request });
    return promise;
  };
  const client: InvocationClient = {
    checkpoint: (request) => call('checkpoint', request),
    getExecutionState: (request) => call('getExecutionState', request),
    bodyBegins: (body) => call('bodyBegins', body),
  };
  const handler = handlerOf(client, [crashGuard(client)]);

  const invoke = async (event: DurableExecutionInvocationInput, timeoutMs: number) => {
    const deadline = Date.now() + timeoutMs;
    const context = {
      awsRequestId: randomUUID(),
      functionName: 'tilesight',
      getRemainingTimeInMillis: () => deadline - Date.now(),
    };
    try {
      say({ kind: 'output', output: await handler(event, context as Parameters<DurableLambdaHandler>[1]) });
    } catch (error) {
      say({ kind: 'threw', message: String(error), stack: error instanceof Error ? (error.stack ?? '') : '' });
    }
  };

  const heard = (message: ToWorker) => {
    if (message.kind === 'invoke') {
      void invoke(message.event, message.timeoutMs);
      return;
    }
    const waiting = calls.get(message.id);
    calls.delete(message.id);
    if (message.kind === 'answer') waiting?.resolve(message.value as never);
    else waiting?.reject(refusal(message));
  };
  endWithParent().once('online', () => process.on('message', heard)); // until then messages wait
  process.on('disconnect', () => process.exit(0));
  process.on('SIGINT', () => {});
}

/** The parent's answer to a call, with the error's scope kept: the SDK decides by it what a failure ends. */
export async function answerTo(
  { id, method, request }: FromWorker & { kind: 'call' },
  client: InvocationClient,
): Promise<ToWorker> {
  try {
    return { kind: 'answer', id, value: await client[method](request as never) };
  } catch (error) {
    const scope = isDurableExecutionClientError(error) ? error.scope : null;
    return { kind: 'refusal', id, message: error instanceof Error ? error.message : String(error), scope };
  }
}

function refusal({ message, scope }: ToWorker & { kind: 'refusal' }): Error {
  return scope ? new DurableExecutionClientError(message, { scope }) : new Error(message);
}

/** Also when this thread hangs and never hears that its parent is gone: another thread looks. */
function endWithParent(): Worker {
  const watch = `
    const parent = process.ppid;
    setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL'); }, ${ORPHAN_CHECK_MS});`;
  return new Worker(watch, { eval: true, execArgv: [] });
}

function say(message: FromWorker): void {
  if (process.connected) process.send?.(message);
}
