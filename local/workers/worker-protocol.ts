// The messages between a worker process and its parent, and the worker's side: invocations in, checkpoints out. Must not know
// which function runs.
import { randomUUID } from 'node:crypto';
import { flushCompileCache } from 'node:module';
import { Worker } from 'node:worker_threads';
import {
  type CheckpointDurableExecutionRequest,
  DurableExecutionClientError,
  type DurableExecutionInvocationInput,
  type DurableExecutionInvocationOutput,
  type DurableInstrumentationPlugin,
  type DurableLambdaHandler,
  type GetDurableExecutionStateRequest,
  isDurableExecutionClientError,
} from '@aws/durable-execution-sdk-js';
import type { InvocationClient } from '../engine/invocation.ts';
import { FUNCTION_NAME } from '../engine/service-limits.ts';
import { type StepAttempt, stepGatePlugin } from '../engine/step-gate.ts';

export type ToWorker =
  | { kind: 'invoke'; event: DurableExecutionInvocationInput; timeoutMs: number }
  | { kind: 'response'; id: number; value: unknown }
  | { kind: 'error'; id: number; message: string; scope: 'INVOCATION' | 'EXECUTION' | null };

/** A call of one method of the engine's client. */
type Call =
  | { method: 'checkpoint'; request: CheckpointDurableExecutionRequest }
  | { method: 'getExecutionState'; request: GetDurableExecutionStateRequest }
  | { method: 'stepStarts'; request: StepAttempt };

export type FromWorker =
  | ({ kind: 'call'; id: number } & Call)
  | { kind: 'output'; output: DurableExecutionInvocationOutput }
  | { kind: 'failure'; message: string; stack: string };

/** Pass both to `withDurableExecution`. The plugins let the engine find poison steps. */
type HandlerOf = (client: InvocationClient, plugins: DurableInstrumentationPlugin[]) => DurableLambdaHandler;

const PARENT_CHECK_MS = 250;

/** Serves one invocation at a time until the parent exits. Ignores SIGINT: a terminal sends it to the parent too. */
export function serveInvocations(handlerOf: HandlerOf): void {
  const calls = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  let lastCall = 0;

  const call = <T>(request: Call): Promise<T> => {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const id = ++lastCall;
    calls.set(id, { resolve, reject });
    send({ kind: 'call', id, ...request });
    return promise;
  };
  const client: InvocationClient = {
    checkpoint: (request) => call({ method: 'checkpoint', request }),
    getExecutionState: (request) => call({ method: 'getExecutionState', request }),
    stepStarts: (request) => call({ method: 'stepStarts', request }),
  };
  const handler = handlerOf(client, [stepGatePlugin(client)]);

  const invoke = async (event: DurableExecutionInvocationInput, timeoutMs: number) => {
    const deadline = Date.now() + timeoutMs;
    const context = {
      awsRequestId: randomUUID(),
      functionName: FUNCTION_NAME,
      getRemainingTimeInMillis: () => deadline - Date.now(),
    };
    try {
      send({ kind: 'output', output: await handler(event, context as Parameters<DurableLambdaHandler>[1]) });
    } catch (error) {
      send({ kind: 'failure', message: String(error), stack: (error instanceof Error && error.stack) || '' });
    } finally {
      flushCompileCache(); // this process is killed, which would lose the code that it compiled
    }
  };

  const onMessage = (message: ToWorker) => {
    if (message.kind === 'invoke') {
      void invoke(message.event, message.timeoutMs);
      return;
    }
    const pending = calls.get(message.id);
    calls.delete(message.id);
    if (message.kind === 'response') pending?.resolve(message.value as never);
    else pending?.reject(errorFrom(message));
  };
  exitWithParent().once('online', () => process.on('message', onMessage)); // messages that arrive earlier are queued
  process.on('disconnect', () => process.exit(0));
  process.on('SIGINT', () => {});
}

/** The parent's response to a call. Keeps the scope of an error: by it, the SDK decides whether the execution ends. */
export async function respond(message: FromWorker & { kind: 'call' }, client: InvocationClient): Promise<ToWorker> {
  const { id } = message;
  try {
    return { kind: 'response', id, value: await perform(message, client) };
  } catch (error) {
    const scope = isDurableExecutionClientError(error) ? error.scope : null;
    return { kind: 'error', id, message: error instanceof Error ? error.message : String(error), scope };
  }
}

function perform(call: Call, client: InvocationClient): Promise<unknown> {
  switch (call.method) {
    case 'checkpoint':
      return client.checkpoint(call.request);
    case 'getExecutionState':
      return client.getExecutionState(call.request);
    case 'stepStarts':
      return client.stepStarts(call.request);
  }
}

function errorFrom({ message, scope }: ToWorker & { kind: 'error' }): Error {
  return scope ? new DurableExecutionClientError(message, { scope }) : new Error(message);
}

/** Watches from another thread, so that a worker whose main thread hangs exits with its parent too. */
function exitWithParent(): Worker {
  const watch = `
    const parent = process.ppid;
    setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL'); }, ${PARENT_CHECK_MS});`;
  return new Worker(watch, { eval: true, execArgv: [] });
}

function send(message: FromWorker): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => {}); // exitWithParent() notices a lost parent
}
