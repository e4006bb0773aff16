// The service's limits, in its words. Knows sizes and names; knows nothing of states.
import type { OperationUpdate } from '@aws/durable-execution-sdk-js';
import { invalid } from './service-error.ts';

/** What executions run, and shards invoke. */
export const FUNCTION_NAME = 'tilesight';

// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, "Durable functions"
export const OPERATIONS_MAX = 3_000; // an execution, its first operation and every retry included
export const EXECUTION_BYTES_MAX = 100 * 1024 * 1024;
const PAYLOAD_BYTES_MAX = 262_144;
const ERROR_BYTES_MAX = 32_768;
const INPUT_BYTES_MAX = 1_048_576; // asynchronous invocation
const NAME = /^[a-zA-Z0-9_-]{1,64}$/;
const OPERATION_NAME = /^[\x20-\x7e]{1,256}$/;

/** Throws when an execution may not start so. */
export function checkStart(name: string, input: string): void {
  if (!NAME.test(name)) {
    throw invalid(`Expected an execution name of 1 to 64 letters, digits, - and _, got ${JSON.stringify(name)}.`);
  }
  checkBytes('Execution input', input, INPUT_BYTES_MAX);
}

/** Throws when an update is larger or named otherwise than the service takes. The result of an execution has no limit of its own. */
export function checkUpdate({ Type, Action, Name, Payload, Error: error }: OperationUpdate): void {
  if (Name !== undefined && !OPERATION_NAME.test(Name)) {
    throw invalid(
      `Expected an operation name of 1 to 256 printable ASCII characters, got ${JSON.stringify(Name).slice(0, 300)}.`,
    );
  }
  if (error && byteLength(JSON.stringify(error)) > ERROR_BYTES_MAX) {
    throw invalid(`Error object size must be less than ${ERROR_BYTES_MAX} bytes.`);
  }
  if (Type === 'EXECUTION') return;
  if (Action === 'START') checkBytes(`${Type} input`, Payload, INPUT_BYTES_MAX);
  else checkBytes(`${Type} output`, Payload, PAYLOAD_BYTES_MAX);
}

/** Throws when an execution has grown past what the service holds of one. */
export function checkExecution({ operations, bytes }: { operations: number; bytes: number }): void {
  if (operations > OPERATIONS_MAX) throw invalid(`Expected at most ${OPERATIONS_MAX} operations in an execution, got more.`);
  if (bytes > EXECUTION_BYTES_MAX) throw invalid(`Expected at most ${EXECUTION_BYTES_MAX} bytes in an execution, got more.`);
}

/** What an update adds to the bytes of its execution. */
export function bytesOf({ Payload, Error: error }: OperationUpdate): number {
  return byteLength(Payload ?? '') + (error ? byteLength(JSON.stringify(error)) : 0);
}

function checkBytes(what: string, payload: string | undefined, max: number): void {
  if (payload !== undefined && byteLength(payload) > max) {
    throw invalid(`${what} payload size must be less than or equal to ${max} bytes.`);
  }
}

function byteLength(text: string): number {
  return Buffer.byteLength(text);
}
