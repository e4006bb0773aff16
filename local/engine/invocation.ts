// One invocation of a function: gives it a client, waits for its output and decides how the execution continues. Must not know when
// an execution runs or in which process.
import { randomUUID } from 'node:crypto';
import {
  type DurableExecutionClient,
  type DurableExecutionInvocationInput,
  type DurableExecutionInvocationOutput,
  isDurableExecutionClientError,
  type OperationUpdate,
} from '@aws/durable-execution-sdk-js';
import { staleTokenError } from '../../pipeline/durable/stale-token.ts';
import type { Clock, Log } from '../../pipeline/ports.ts';
import type { Checkpoints } from './checkpoints.ts';
import { type ExecutionLifecycle, failure } from './execution-lifecycle.ts';
import type { PoisonSteps } from './poison-steps.ts';
import { isOutstanding, type Outcome } from './state-machine.ts';
import { type InvocationGate, ProcessLost, type StepGate, stepGate } from './step-gate.ts';
import type { ExecutionRow } from './store/engine-rows.ts';
import type { Store } from './store/engine-store.ts';

/** The engine as a running function uses it: state, checkpoints and the step gate. */
export type InvocationClient = DurableExecutionClient & StepGate;

/**
 * Runs a function once with an event. Rejects if the invocation ends without an output: with ProcessLost if its process was lost
 * while it ran steps. `abandoned` aborts when nothing waits for the output any more: the process may be killed soon after.
 */
export type Invoker = (
  event: DurableExecutionInvocationInput,
  client: InvocationClient,
  timeoutMs: number,
  abandoned: AbortSignal,
) => Promise<DurableExecutionInvocationOutput>;

/** How an execution continues after an invocation. `crashes`: invocations in a row that ended without an output. */
export type InvocationEnd = { kind: 'ended' | 'suspended' | 'unfinished' | 'not-stored' } | { kind: 'crashed'; crashes: number };

/** The scheduler as an invocation uses it. */
export interface InvocationHost {
  isOpen(): boolean;
  /** Runs the affected executions. */
  wake(affected: readonly string[]): void;
}

export interface InvocationDeps {
  store: Store;
  lifecycle: ExecutionLifecycle;
  checkpoints: Checkpoints;
  poisonSteps: PoisonSteps;
  /** The function of an execution. */
  functionOf(row: ExecutionRow): Invoker;
  timeoutMs: number;
  clock: Clock;
  log: Log;
}

/** Invokes the function of a running execution once. */
export type Invoke = (row: ExecutionRow, host: InvocationHost, abandoned: AbortSignal) => Promise<InvocationEnd>;

export function invocations(deps: InvocationDeps): Invoke {
  const { store, checkpoints, poisonSteps, functionOf, timeoutMs, clock, log } = deps;

  return async (row, host, abandoned) => {
    const { arn } = row;
    const gate = stepGate(store.suspects(arn));
    const started = { id: randomUUID(), at: clock.now().toISOString() };
    const storageErrors: unknown[] = [];
    const client = clientOf(arn, gate, host, deps, (error) => storageErrors.push(error));
    let end: InvocationEnd | null = null;
    let crash: unknown;
    try {
      const output = await functionOf(row)(checkpoints.newEvent(arn), client, timeoutMs, abandoned);
      if (!host.isOpen()) return { kind: 'suspended' };
      end = accept(arn, output, host, deps);
    } catch (error) {
      if (!host.isOpen() || store.execution(arn)?.status !== 'RUNNING') return { kind: 'ended' };
      crash = error;
    }
    if (storageErrors.length > 0) {
      // Not the function's fault, so it does not count as a crash.
      log.error({ error: storageErrors[0], arn }, 'The engine could not store a checkpoint. It retries the invocation.');
      return { kind: 'not-stored' };
    }
    store.addEvent(arn, { type: 'InvocationCompleted', ...started, endedAt: clock.now().toISOString() });
    if (end) return end;
    const { crashes, affected, failed } = poisonSteps.recordCrash(arn, crash instanceof ProcessLost ? gate.inFlight() : []);
    log.warn({ error: crash, arn, crashes, failed_steps: failed }, 'An invocation crashed. The engine retries it.');
    host.wake(affected);
    return { kind: 'crashed', crashes };
  };
}

type ClientDeps = Pick<InvocationDeps, 'store' | 'checkpoints'>;

function clientOf(
  arn: string,
  gate: InvocationGate,
  host: InvocationHost,
  { store, checkpoints }: ClientDeps,
  onStorageError: (error: unknown) => void,
): InvocationClient {
  const refuseIfClosed = (): void => {
    if (!host.isOpen()) throw staleTokenError();
  };
  const isInContext = (id: string | undefined, contextId: string): boolean =>
    id !== undefined && (id === contextId || isInContext(store.operation(arn, id)?.ParentId, contextId));
  const reportToGate = ({ Type, Action, Id }: OperationUpdate): void => {
    if (Action === 'START' || Id === undefined) return;
    if (Type === 'STEP') gate.stepEnded(Id);
    if (Type === 'CONTEXT') gate.contextEnded(({ parentId }) => isInContext(parentId, Id));
  };

  return {
    async getExecutionState(request) {
      refuseIfClosed();
      return checkpoints.statePage(request);
    },
    async checkpoint(request) {
      try {
        refuseIfClosed();
        const { response, affected } = checkpoints.checkpoint(request);
        for (const update of request.Updates ?? []) reportToGate(update);
        host.wake(affected);
        return response;
      } catch (error) {
        // Any other error is the engine's own, most likely of its disk.
        if (!isDurableExecutionClientError(error)) onStorageError(error);
        throw error;
      }
    },
    stepStarts: gate.stepStarts,
  };
}

function accept(
  arn: string,
  output: DurableExecutionInvocationOutput,
  host: InvocationHost,
  { store, lifecycle }: InvocationDeps,
): InvocationEnd {
  const end = (outcome: Outcome): InvocationEnd => {
    host.wake(store.transaction(() => lifecycle.end(arn, outcome)));
    return { kind: 'ended' };
  };
  if (output.Status === 'SUCCEEDED') return end({ status: 'SUCCEEDED', result: output.Result });
  if (output.Status === 'FAILED') return end({ status: 'FAILED', error: output.Error });
  if (store.execution(arn)?.status !== 'RUNNING') return { kind: 'ended' };
  if (store.hasChanged(arn)) return { kind: 'unfinished' };
  const operations = store.operations(arn);
  // The function may end although a retry became due: no timer would wake the execution again.
  if (operations.some(({ Status }) => Status === 'READY')) return { kind: 'unfinished' };
  if (operations.some(isOutstanding)) return { kind: 'suspended' };
  return end(failure('InvalidParameterValueException', 'Cannot return PENDING status with no pending operations.'));
}
