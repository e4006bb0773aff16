// What one update makes of one operation: the service's table of states, as a pure function. Knows nothing of disks or timers.
import type { ErrorObject, OperationUpdate, WireOperation } from '@aws/durable-execution-sdk-js';
import { invalid } from './service-error.ts';

export interface Transition {
  operation: WireOperation;
  /** When a timer must fire for it, in ms since 1970; null when none must. */
  wakeAt: number | null;
}

type Status = NonNullable<WireOperation['Status']>;

/** From which states an action may come (`none`: an operation that is not there yet), and what the service says otherwise. */
const ALLOWED: Record<string, { from: readonly (Status | 'none')[]; otherwise: string }> = {
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

/** Throws a ServiceError unless the updates of one checkpoint go together: each operation once, but for START and its end. */
export function checkBatch(updates: readonly OperationUpdate[]): void {
  const seen = new Map<string, OperationUpdate>();
  for (const [index, update] of updates.entries()) {
    if (!update.Id) throw invalid('Operation update must have an Id.');
    if (update.Type === 'EXECUTION' && index < updates.length - 1) throw invalid('EXECUTION checkpoint must be the last update.');
    const earlier = seen.get(update.Id);
    const startAndEnd =
      earlier?.Action === 'START' && update.Action !== 'START' && (earlier.Type === 'STEP' || earlier.Type === 'CONTEXT');
    if (earlier && !startAndEnd) throw invalid('Cannot update the same operation twice in a single request.');
    seen.set(update.Id, update);
  }
}

/**
 * Throws a ServiceError when the update does not fit the operation's state.
 * `parent` is the operation that `update.ParentId` names, if any; `callbackId` is what a new callback is called.
 */
export function applyUpdate(
  before: WireOperation | null,
  parent: WireOperation | null,
  update: OperationUpdate,
  nowMs: number,
  callbackId = '',
): Transition {
  const allowed = ALLOWED[`${update.Type} ${update.Action}`];
  if (!allowed || (before && before.Type !== update.Type)) throw invalid('Invalid action for the given operation type.');
  if (!allowed.from.includes(before?.Status ?? 'none')) throw invalid(allowed.otherwise);
  if (update.ParentId && parent?.Type !== 'CONTEXT') throw invalid('Invalid parent operation id.');
  checkContent(update);
  return transition(before ?? begun(update, nowMs), update, nowMs, callbackId);
}

function checkContent({ Action, Payload, Error: error, StepOptions }: OperationUpdate): void {
  if (Action === 'FAIL' && Payload !== undefined) throw invalid('Cannot provide a Payload for FAIL action.');
  if (Action === 'SUCCEED' && error) throw invalid('Cannot provide an Error for SUCCEED action.');
  if (Action === 'RETRY' && !StepOptions) throw invalid('Invalid StepOptions for the given action.');
  if (Action === 'RETRY' && error && Payload !== undefined) {
    throw invalid('Cannot provide both error and payload to RETRY a STEP.');
  }
}

function begun(update: OperationUpdate, nowMs: number): WireOperation {
  return {
    Id: update.Id,
    ...(update.ParentId && { ParentId: update.ParentId }),
    ...(update.Name !== undefined && { Name: update.Name }),
    Type: update.Type,
    ...(update.SubType !== undefined && { SubType: update.SubType }),
    StartTimestamp: iso(nowMs),
    Status: 'STARTED',
  };
}

function transition(operation: WireOperation, update: OperationUpdate, nowMs: number, callbackId: string): Transition {
  switch (`${update.Type} ${update.Action}`) {
    case 'WAIT START': {
      const wakeAt = nowMs + (update.WaitOptions?.WaitSeconds ?? 0) * 1_000;
      return { operation: { ...operation, WaitDetails: { ScheduledEndTimestamp: iso(wakeAt) } }, wakeAt };
    }
    case 'WAIT CANCEL':
      return { operation: { ...operation, Status: 'CANCELLED', EndTimestamp: iso(nowMs) }, wakeAt: null };
    case 'CALLBACK START': {
      const { TimeoutSeconds, HeartbeatTimeoutSeconds } = update.CallbackOptions ?? {};
      const seconds = [TimeoutSeconds, HeartbeatTimeoutSeconds].filter((limit) => limit !== undefined && limit > 0) as number[];
      const wakeAt = seconds.length > 0 ? nowMs + Math.min(...seconds) * 1_000 : null;
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

function ended(operation: WireOperation, update: OperationUpdate, nowMs: number): Transition {
  const status = update.Action === 'SUCCEED' ? 'SUCCEEDED' : 'FAILED';
  return { operation: { ...operation, Status: status, EndTimestamp: iso(nowMs) }, wakeAt: null };
}

/** What a timer makes of an operation that waited for it; null when it waits no more. */
export function applyTimer(operation: WireOperation, nowMs: number): WireOperation | null {
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

/** What an answer from outside makes of a callback or a chained invocation; null when it waits for none any more. */
export function applyOutcome(operation: WireOperation, { status, result, error }: Outcome, nowMs: number): WireOperation | null {
  if (operation.Status !== 'STARTED') return null;
  const details = { Result: result, Error: error };
  const end = { Status: status, EndTimestamp: iso(nowMs) };
  if (operation.Type === 'CALLBACK') {
    return { ...operation, ...end, CallbackDetails: { ...operation.CallbackDetails, ...details } };
  }
  return operation.Type === 'CHAINED_INVOKE' ? { ...operation, ...end, ChainedInvokeDetails: details } : null;
}

/** True when something outside the invocation will happen to it: then an invocation may end as PENDING. */
export function isOutstanding({ Type, Status }: WireOperation): boolean {
  if (Type === 'STEP') return Status === 'PENDING';
  return (Type === 'WAIT' || Type === 'CALLBACK' || Type === 'CHAINED_INVOKE') && Status === 'STARTED';
}

/** Children of finished contexts are not needed to resume, unless the context is replayed through them. */
export function forResume(operations: readonly WireOperation[]): WireOperation[] {
  const byId = new Map(operations.map((operation) => [operation.Id, operation]));
  const dropped = new Set<string | undefined>();
  return operations.filter((operation) => {
    const parent = operation.ParentId ? byId.get(operation.ParentId) : undefined;
    const finished = parent?.Status === 'SUCCEEDED' || parent?.Status === 'FAILED';
    const drop = parent !== undefined && (dropped.has(parent.Id) || (finished && !parent.ContextDetails?.ReplayChildren));
    if (drop) dropped.add(operation.Id);
    return !drop;
  });
}

function attempts(operation: WireOperation): number {
  return operation.StepDetails?.Attempt ?? 0;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
