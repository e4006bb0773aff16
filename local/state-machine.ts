// What one update makes of one operation: the service's table of states, as a pure function. Knows nothing of disks or timers.
import type { OperationUpdate, WireOperation } from '@aws/durable-execution-sdk-js';
import { DurableExecutionClientError } from '@aws/durable-execution-sdk-js';

export interface Transition {
  operation: WireOperation;
  /** When a timer must fire for it, in ms since 1970; null when none must. */
  wakeAt: number | null;
}

type Status = NonNullable<WireOperation['Status']>;

/** From which states an action may come; `none` is an operation that is not there yet. */
const ALLOWED: Record<string, readonly (Status | 'none')[]> = {
  'STEP START': ['none', 'READY'],
  'STEP SUCCEED': ['none', 'STARTED', 'READY'],
  'STEP FAIL': ['none', 'STARTED', 'READY'],
  'STEP RETRY': ['none', 'STARTED', 'READY'],
  'WAIT START': ['none'],
  'CONTEXT START': ['none'],
  'CONTEXT SUCCEED': ['none', 'STARTED'],
  'CONTEXT FAIL': ['none', 'STARTED'],
};

/**
 * Throws a DurableExecutionClientError that ends the execution when the update does not fit the operation's state.
 * `parent` is the operation that `update.ParentId` names, if any.
 */
export function applyUpdate(
  before: WireOperation | null,
  parent: WireOperation | null,
  update: OperationUpdate,
  nowMs: number,
): Transition {
  const allowed = ALLOWED[`${update.Type} ${update.Action}`];
  if (!allowed) throw invalid(`${update.Type} ${update.Action} is not served here.`);
  if (!allowed.includes(before?.Status ?? 'none')) {
    throw invalid(`Invalid update: ${update.Type} ${update.Action} of an operation in ${before?.Status ?? 'no state'}.`);
  }
  if (update.ParentId && parent?.Type !== 'CONTEXT') throw invalid('Invalid parent operation id.');
  return transition(before ?? begun(update, nowMs), update, nowMs);
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

function transition(operation: WireOperation, update: OperationUpdate, nowMs: number): Transition {
  switch (`${update.Type} ${update.Action}`) {
    case 'WAIT START': {
      const wakeAt = nowMs + (update.WaitOptions?.WaitSeconds ?? 0) * 1_000;
      return { operation: { ...operation, WaitDetails: { ScheduledEndTimestamp: iso(wakeAt) } }, wakeAt };
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
    default: // STEP START, CONTEXT START
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

/** True when something outside the invocation will happen to it: then an invocation may end as PENDING. */
export function isOutstanding({ Type, Status }: WireOperation): boolean {
  return (Type === 'STEP' && Status === 'PENDING') || (Type === 'WAIT' && Status === 'STARTED');
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

function invalid(sentence: string): DurableExecutionClientError {
  return new DurableExecutionClientError(sentence, { scope: 'EXECUTION' });
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
