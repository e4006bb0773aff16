// The rows of the engine's database, parsed when they are read. Must not know queries or what may follow what.
import { type ErrorObject, OperationStatus, OperationType, type WireOperation } from '@aws/durable-execution-sdk-js';
import { z } from 'zod';

const SHOWN_CHARACTERS_MAX = 200;

export const ExecutionStatus = z.enum(['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'STOPPED']);
export type ExecutionStatus = z.infer<typeof ExecutionStatus>;

/** Times are milliseconds since 1970. */
export const ExecutionRow = z.object({
  arn: z.string(),
  name: z.string(),
  function: z.string(),
  input: z.string(),
  status: ExecutionStatus,
  result: z.string().nullable(),
  /** An ErrorObject as JSON; `errorIn` reads it. */
  error: z.string().nullable(),
  started_at: z.number(),
  deadline_at: z.number().nullable(),
  ended_at: z.number().nullable(),
  token: z.string().nullable(),
  /** Invocations in a row that ended without an output. */
  crashes: z.number(),
  /** The operation of another execution that waits for this one. */
  parent_arn: z.string().nullable(),
  parent_id: z.string().nullable(),
  /** Counted as the service does: the execution itself, every operation, every retry. */
  operations: z.number(),
  bytes: z.number(),
});
export type ExecutionRow = z.infer<typeof ExecutionRow>;

export const CallbackRow = z.object({
  callback_id: z.string(),
  arn: z.string(),
  id: z.string(),
  timeout_at: z.number().nullable(),
  heartbeat_ms: z.number().nullable(),
});
export type CallbackRow = z.infer<typeof CallbackRow>;

export const SuspectRow = z.object({ id: z.string(), crashes: z.number() });

/** An operation as it is stored: identified, and in a known state. */
export interface StoredOperation extends WireOperation {
  Id: string;
  Type: OperationType;
  Status: OperationStatus;
}

/** Checks the fields that the engine decides by. The SDK owns all further fields: they pass through unchanged. */
export function parseOperation(json: string): StoredOperation {
  const value: unknown = JSON.parse(json);
  if (isOperation(value)) return value;
  throw new Error(`Unreadable operation in the database: ${json.slice(0, SHOWN_CHARACTERS_MAX)}`);
}

function isOperation(value: unknown): value is StoredOperation {
  if (typeof value !== 'object' || value === null) return false;
  if (!('Id' in value && 'Type' in value && 'Status' in value)) return false;
  const { Id, Type, Status } = value;
  if (typeof Id !== 'string' || typeof Type !== 'string' || typeof Status !== 'string') return false;
  return Object.hasOwn(OperationType, Type) && Object.hasOwn(OperationStatus, Status);
}

const StoredError = z.object({ ErrorType: z.string().optional(), ErrorMessage: z.string().optional() });

/** The error of an execution that did not succeed. Empty if its handler gave none. */
export function errorIn({ error }: Pick<ExecutionRow, 'error'>): ErrorObject {
  return error === null ? {} : StoredError.parse(JSON.parse(error));
}

/** An event that the state of the operations does not show: an attempt of a step, or an invocation. Times are ISO 8601. */
const RecordedEvent = z.object({
  type: z.string(),
  at: z.string(),
  endedAt: z.string().optional(),
  id: z.string().exactOptional(),
  parentId: z.string().exactOptional(),
  name: z.string().exactOptional(),
  subType: z.string().exactOptional(),
  error: StoredError.optional(),
});
export type RecordedEvent = z.infer<typeof RecordedEvent>;

export function parseEvent(json: string): RecordedEvent {
  return RecordedEvent.parse(JSON.parse(json));
}
