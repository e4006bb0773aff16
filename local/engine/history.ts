// The events of an execution, as the service names them, read off its rows. Knows nothing of pages.
import type { ErrorObject, WireOperation } from '@aws/durable-execution-sdk-js';
import type { ExecutionEvent } from '../../pipeline/ports.ts';
import type { ExecutionRow } from './engine-store.ts';

const KINDS: Partial<Record<string, string>> = {
  STEP: 'Step',
  WAIT: 'Wait',
  CONTEXT: 'Context',
  CALLBACK: 'Callback',
  CHAINED_INVOKE: 'ChainedInvoke',
  EXECUTION: 'Execution',
};
const ENDS: Partial<Record<string, string>> = {
  SUCCEEDED: 'Succeeded',
  FAILED: 'Failed',
  TIMED_OUT: 'TimedOut',
  STOPPED: 'Stopped',
  CANCELLED: 'Cancelled',
};

/** `recorded`: what the operations do not show, as JSON: attempts that failed, and invocations. */
export function eventsOf(
  execution: ExecutionRow,
  operations: readonly WireOperation[],
  recorded: readonly string[],
): ExecutionEvent[] {
  const starts = operations.map((operation) => event(operation, 'Started', operation.StartTimestamp, undefined));
  // What began later is inside, or behind: at the same millisecond it ends first.
  const ends = operations.toReversed().flatMap((operation) => {
    const end = operation.Type === 'EXECUTION' ? undefined : ENDS[operation.Status ?? ''];
    return end ? [event(operation, end, operation.EndTimestamp, errorIn(operation))] : [];
  });
  const between = recorded.map(recordedEvent);
  const last = execution.ended_at === null ? [] : [lastEvent(execution, execution.ended_at)];
  return [...starts, ...between, ...ends, ...last].sort((a, b) => a.at.getTime() - b.at.getTime());
}

function event(operation: WireOperation, what: string, at: unknown, error: ErrorObject | undefined): ExecutionEvent {
  const { Id, ParentId, Name, SubType, Type } = operation;
  return {
    type: `${KINDS[Type ?? ''] ?? Type}${what}`,
    at: new Date(String(at)),
    ...(Type !== 'EXECUTION' && Id !== undefined && { id: Id }),
    ...(ParentId !== undefined && { parentId: ParentId }),
    ...(Name !== undefined && { name: Name }),
    ...(SubType !== undefined && { subType: SubType }),
    ...(error && { error: errorOf(error) }),
  };
}

function recordedEvent(json: string): ExecutionEvent {
  const { at, endedAt, error, ...rest } = JSON.parse(json);
  return { ...rest, at: new Date(endedAt ?? at), ...(error && { error: errorOf(error) }) };
}

function lastEvent({ status, error }: ExecutionRow, endedAt: number): ExecutionEvent {
  const type = `Execution${ENDS[status] ?? ''}`;
  return { type, at: new Date(endedAt), ...(error && { error: errorOf(JSON.parse(error)) }) };
}

function errorIn({ StepDetails, ContextDetails, CallbackDetails, ChainedInvokeDetails }: WireOperation): ErrorObject | undefined {
  return (StepDetails ?? ContextDetails ?? CallbackDetails ?? ChainedInvokeDetails)?.Error;
}

export function errorOf({ ErrorType, ErrorMessage }: ErrorObject): { type: string; message: string } {
  return { type: ErrorType ?? 'Error', message: ErrorMessage ?? '' };
}
