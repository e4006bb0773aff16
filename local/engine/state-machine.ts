// Applies one update to one operation: the service's table of states, as pure functions. Must not know disks or timers.
import type { ErrorObject, OperationStatus, OperationType, OperationUpdate } from '@aws/durable-execution-sdk-js';
import { invalid } from './service-limits.ts';
import type { StoredOperation } from './store/engine-rows.ts';

/** An update of a checked batch. */
export type IdentifiedUpdate = OperationUpdate & { Id: string };

export interface Transition {
  operation: StoredOperation;
  /** When a timer must fire for it, in ms since 1970; `null` if none must. */
  wakeAt: number | null;
}

/** The states in which each action is allowed (`none`: the operation does not exist yet), and the service's message otherwise. */
const ALLOWED: Record<string, { from: readonly (OperationStatus | 'none')[]; otherwise: string }> = {
  'STEP START': { from: ['none', 'READY'], otherwise: 'Invalid current STEP state to start.' },
  'STEP SUCCEED': { from: ['none', 'STARTED', 'READY'], otherwise: 'Invalid current STEP state to close.' },
  'STEP FAIL': { from: ['none', 'STARTED', 'READY'], otherwise: 'Invalid current STEP state to close.' },
  'STEP RETRY': { from: ['none', 'STARTED', 'READY'], otherwise: 'Invalid current STEP state to re-attempt.' },
  'WAIT START': { from: ['none'], otherwise: 'Cannot start a WAIT that already exists.' },
  'WAIT CANCEL': { from: ['STARTED'], otherwise: 'Cannot cancel a WAIT that does not exist or has already completed.' },
  'CALLBACK START': { from: ['none'], otherwise: 'Cannot start a CALLBACK that already exists.' },
  'CHAINED_INVOKE START': { from: ['none'], otherwise: 'Cannot start a CHAINED_INVOKE that already exists.' },
  'CONTEXT START': { from: ['none'], otherwise: 'Cannot start a CONTEXT that already exists.' },
  'CONTEXT SUCCEED': { from: ['none', 'STARTED'], otherwise: 'Invalid current CONTEXT state to close.' },
  'CONTEXT FAIL': { from: ['none', 'STARTED'], otherwise: 'Invalid current CONTEXT state to close.' },
};

/** Throws a ServiceError unless a checkpoint updates each operation once; START may come together with the operation's end. */
export function checkBatch(updates: readonly OperationUpdate[]): asserts updates is readonly IdentifiedUpdate[] {
  const earlierUpdates = new Map<string, OperationUpdate>();
  for (const [index, update] of updates.entries()) {
    if (!update.Id) throw invalid('Operation update must have an Id.');
    if (update.Type === 'EXECUTION' && index < updates.length - 1) throw invalid('EXECUTION checkpoint must be the last update.');
    const earlier = earlierUpdates.get(update.Id);
    const startAndEnd =
      earlier?.Action === 'START' && update.Action !== 'START' && (earlier.Type === 'STEP' || earlier.Type === 'CONTEXT');
    if (earlier && !startAndEnd) throw invalid('Cannot update the same operation twice in a single request.');
    earlierUpdates.set(update.Id, update);
  }
}

/**
 * Throws a ServiceError if the operation's state does not allow the update.
 * `parent` is the operation that `update.ParentId` names, if any; `callbackId` is the id of the callback that the update starts.
 */
export function applyUpdate(
  before: StoredOperation | null,
  parent: StoredOperation | null,
  update: IdentifiedUpdate,
  nowMs: number,
  callbackId: string | null = null,
): Transition {
  const allowed = ALLOWED[`${update.Type} ${update.Action}`];
  if (!allowed || !update.Type || (before && before.Type !== update.Type))
    throw invalid('Invalid action for the given operation type.');
  if (!allowed.from.includes(before?.Status ?? 'none')) throw invalid(allowed.otherwise);
  if (update.ParentId && parent?.Type !== 'CONTEXT') throw invalid('Invalid parent operation id.');
  checkContent(update);
  return transition(before ?? started(update.Type, update, nowMs), update, nowMs, callbackId);
}

function checkContent({ Action, Payload, Error: error, StepOptions }: OperationUpdate): void {
  if (Action === 'FAIL' && Payload !== undefined) throw invalid('Cannot provide a Payload for FAIL action.');
  if (Action === 'SUCCEED' && error) throw invalid('Cannot provide an Error for SUCCEED action.');
  if (Action === 'RETRY' && !StepOptions) throw invalid('Invalid StepOptions for the given action.');
  if (Action === 'RETRY' && error && Payload !== undefined) {
    throw invalid('Cannot provide both error and payload to RETRY a STEP.');
  }
}

function started(type: OperationType, update: IdentifiedUpdate, nowMs: number): StoredOperation {
  return {
    Id: update.Id,
    ...(update.ParentId && { ParentId: update.ParentId }),
    ...(update.Name !== undefined && { Name: update.Name }),
    Type: type,
    ...(update.SubType !== undefined && { SubType: update.SubType }),
    StartTimestamp: iso(nowMs),
    Status: 'STARTED',
  };
}

function transition(operation: StoredOperation, update: OperationUpdate, nowMs: number, callbackId: string | null): Transition {
  switch (`${update.Type} ${update.Action}`) {
    case 'WAIT START': {
      const wakeAt = nowMs + (update.WaitOptions?.WaitSeconds ?? 0) * 1_000;
      return { operation: { ...operation, WaitDetails: { ScheduledEndTimestamp: iso(wakeAt) } }, wakeAt };
    }
    case 'WAIT CANCEL':
      return { operation: { ...operation, Status: 'CANCELLED', EndTimestamp: iso(nowMs) }, wakeAt: null };
    case 'CALLBACK START': {
      const { TimeoutSeconds, HeartbeatTimeoutSeconds } = update.CallbackOptions ?? {};
      const seconds = [TimeoutSeconds, HeartbeatTimeoutSeconds]
        .filter((limit) => limit !== undefined)
        .filter((limit) => limit > 0);
      const wakeAt = seconds.length > 0 ? nowMs + Math.min(...seconds) * 1_000 : null;
      if (callbackId === null) throw new Error('A CALLBACK needs an id to start.');
      return { operation: { ...operation, CallbackDetails: { CallbackId: callbackId } }, wakeAt };
    }
    case 'STEP RETRY': {
      const wakeAt = nowMs + (update.StepOptions?.NextAttemptDelaySeconds ?? 0) * 1_000;
      const details = {
        Attempt: attempts(operation) + 1,
        Result: update.Payload,
        Error: update.Error,
        NextAttemptTimestamp: iso(wakeAt),
      };
      return { operation: { ...operation, Status: 'PENDING', StepDetails: details }, wakeAt };
    }
    case 'STEP SUCCEED':
    case 'STEP FAIL': {
      const details = { Attempt: attempts(operation) + 1, Result: update.Payload, Error: update.Error };
      return ended({ ...operation, StepDetails: details }, update, nowMs);
    }
    case 'CONTEXT SUCCEED':
    case 'CONTEXT FAIL': {
      const replay = update.ContextOptions?.ReplayChildren;
      const details = { Result: update.Payload, Error: update.Error, ...(replay !== undefined && { ReplayChildren: replay }) };
      return ended({ ...operation, ContextDetails: details }, update, nowMs);
    }
    default: // STEP START, CONTEXT START, CHAINED_INVOKE START
      return { operation: { ...operation, Status: 'STARTED' }, wakeAt: null };
  }
}

function ended(operation: StoredOperation, update: OperationUpdate, nowMs: number): Transition {
  const status = update.Action === 'SUCCEED' ? 'SUCCEEDED' : 'FAILED';
  return { operation: { ...operation, Status: status, EndTimestamp: iso(nowMs) }, wakeAt: null };
}

/** The operation after its timer has fired; `null` if it was not waiting for a timer. */
export function applyTimer(operation: StoredOperation, nowMs: number): StoredOperation | null {
  if (operation.Type === 'STEP' && operation.Status === 'PENDING') return { ...operation, Status: 'READY' };
  if (operation.Type === 'WAIT' && operation.Status === 'STARTED')
    return { ...operation, Status: 'SUCCEEDED', EndTimestamp: iso(nowMs) };
  return null;
}

export interface Outcome {
  status: 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'STOPPED';
  result?: string | undefined;
  error?: ErrorObject | undefined;
}

/** A callback or chained invocation after its result has arrived; `null` if the operation was not waiting for one. */
export function applyOutcome(
  operation: StoredOperation,
  { status, result, error }: Outcome,
  nowMs: number,
): StoredOperation | null {
  if (operation.Status !== 'STARTED') return null;
  const details = { Result: result, Error: error };
  const end = { Status: status, EndTimestamp: iso(nowMs) };
  if (operation.Type === 'CALLBACK') {
    return { ...operation, ...end, CallbackDetails: { ...operation.CallbackDetails, ...details } };
  }
  return operation.Type === 'CHAINED_INVOKE' ? { ...operation, ...end, ChainedInvokeDetails: details } : null;
}

/** Whether a timer, a callback or another execution will change the operation. Then an invocation may end as PENDING. */
export function isOutstanding({ Type, Status }: StoredOperation): boolean {
  if (Type === 'STEP') return Status === 'PENDING';
  return (Type === 'WAIT' || Type === 'CALLBACK' || Type === 'CHAINED_INVOKE') && Status === 'STARTED';
}

/** Leaves out the children of finished contexts: a resume needs them only if the context is replayed through them. */
export function forResume(operations: readonly StoredOperation[]): StoredOperation[] {
  const byId = new Map(operations.map((operation) => [operation.Id, operation]));
  const dropped = new Set<string>();
  return operations.filter((operation) => {
    const parent = operation.ParentId ? byId.get(operation.ParentId) : undefined;
    const finished = parent?.Status === 'SUCCEEDED' || parent?.Status === 'FAILED';
    const drop = parent !== undefined && (dropped.has(parent.Id) || (finished && !parent.ContextDetails?.ReplayChildren));
    if (drop) dropped.add(operation.Id);
    return !drop;
  });
}

function attempts(operation: StoredOperation): number {
  return operation.StepDetails?.Attempt ?? 0;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
