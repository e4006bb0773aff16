// The history of an execution as events, named as the service names them and derived from the stored rows. Must not know pages.
import type { ErrorObject, OperationStatus, OperationType } from '@aws/durable-execution-sdk-js';
import type { ExecutionEvent } from '../../pipeline/ports.ts';
import {
  type ExecutionRow,
  type ExecutionStatus,
  errorIn,
  type RecordedEvent,
  type StoredOperation,
} from './store/engine-rows.ts';

const KINDS: Record<OperationType, string> = {
  STEP: 'Step',
  WAIT: 'Wait',
  CONTEXT: 'Context',
  CALLBACK: 'Callback',
  CHAINED_INVOKE: 'ChainedInvoke',
  EXECUTION: 'Execution',
};
const ENDS: Partial<Record<OperationStatus | ExecutionStatus, string>> = {
  SUCCEEDED: 'Succeeded',
  FAILED: 'Failed',
  TIMED_OUT: 'TimedOut',
  STOPPED: 'Stopped',
  CANCELLED: 'Cancelled',
};

/** `recorded`: the events that the operations do not show, such as failed attempts and invocations. */
export function eventsOf(
  execution: ExecutionRow,
  operations: readonly StoredOperation[],
  recorded: readonly RecordedEvent[],
): ExecutionEvent[] {
  const starts = operations.map((operation) => event(operation, 'Started', operation.StartTimestamp, undefined));
  // An operation that started later is nested or follows, so that of two ends in one millisecond its end comes first.
  const ends = operations.toReversed().flatMap((operation) => {
    const end = operation.Type === 'EXECUTION' ? undefined : ENDS[operation.Status];
    return end ? [event(operation, end, operation.EndTimestamp, operationError(operation))] : [];
  });
  const between = recorded.map(recordedEvent);
  const last = execution.ended_at === null ? [] : [lastEvent(execution, execution.ended_at)];
  return [...starts, ...between, ...ends, ...last].sort((a, b) => a.at.getTime() - b.at.getTime());
}

function event(operation: StoredOperation, change: string, at: unknown, error: ErrorObject | undefined): ExecutionEvent {
  const { Id, ParentId, Name, SubType, Type } = operation;
  return {
    type: `${KINDS[Type]}${change}`,
    at: new Date(String(at)),
    ...(Type !== 'EXECUTION' && { id: Id }),
    ...(ParentId !== undefined && { parentId: ParentId }),
    ...(Name !== undefined && { name: Name }),
    ...(SubType !== undefined && { subType: SubType }),
    ...(error && { error: errorOf(error) }),
  };
}

function recordedEvent({ at, endedAt, error, ...rest }: RecordedEvent): ExecutionEvent {
  return { ...rest, at: new Date(endedAt ?? at), ...(error && { error: errorOf(error) }) };
}

function lastEvent(row: ExecutionRow, endedAt: number): ExecutionEvent {
  const error = row.error === null ? null : errorOf(errorIn(row));
  return { type: `Execution${ENDS[row.status]}`, at: new Date(endedAt), ...(error && { error }) };
}

function operationError({
  StepDetails,
  ContextDetails,
  CallbackDetails,
  ChainedInvokeDetails,
}: StoredOperation): ErrorObject | undefined {
  return (StepDetails ?? ContextDetails ?? CallbackDetails ?? ChainedInvokeDetails)?.Error;
}

export function errorOf({ ErrorType, ErrorMessage }: ErrorObject): { type: string; message: string } {
  return { type: ErrorType ?? 'Error', message: ErrorMessage ?? '' };
}
