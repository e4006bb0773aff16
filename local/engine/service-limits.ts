// The limits and errors of the AWS service, with its own error types and messages. Must not know the states of operations.
import { DurableExecutionClientError, type ErrorObject, type OperationUpdate } from '@aws/durable-execution-sdk-js';
import { CALLBACK_BYTES_MAX } from '../../pipeline/contract/protocol.ts';

/** The function that executions run and that shards invoke. */
export const FUNCTION_NAME = 'tilesight';

type ServiceErrorType =
  | 'InvalidParameterValueException'
  | 'DurableExecutionAlreadyStartedException'
  | 'ResourceNotFoundException'
  | 'CallbackTimeoutException';

/** A request that no retry can make succeed. Thrown out of a checkpoint, it ends the execution. */
export class ServiceError extends DurableExecutionClientError {
  constructor(type: ServiceErrorType, message: string) {
    super(message, { scope: 'EXECUTION' });
    this.name = type;
  }
}

export function invalid(message: string): ServiceError {
  return new ServiceError('InvalidParameterValueException', message);
}

// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, "Durable functions"
export const OPERATIONS_MAX = 3_000; // per execution, including its first operation and every retry
const EXECUTION_BYTES_MAX = 100 * 1024 * 1024;
const PAYLOAD_BYTES_MAX = 262_144;
const ERROR_BYTES_MAX = 32_768;
const INPUT_BYTES_MAX = 1_048_576; // asynchronous invocation
const SHOWN_CHARACTERS_MAX = 300;
const NAME = /^[a-zA-Z0-9_-]{1,64}$/;
const OPERATION_NAME = /^[\x20-\x7e]{1,256}$/;

/** Throws a ServiceError if the name or the input of a new execution is invalid. */
export function checkStart(name: string, input: string): void {
  if (!NAME.test(name)) {
    throw invalid(`Invalid execution name ${JSON.stringify(name)}: use 1 to 64 letters, digits, - and _.`);
  }
  checkBytes('Execution input', input, INPUT_BYTES_MAX);
}

/** Throws a ServiceError if the name or a payload of an update is invalid. The result of an execution has no limit of its own. */
export function checkUpdate({ Type, Action, Name, Payload, Error: error }: OperationUpdate): void {
  if (Name !== undefined && !OPERATION_NAME.test(Name)) {
    const shown = JSON.stringify(Name).slice(0, SHOWN_CHARACTERS_MAX);
    throw invalid(`Invalid operation name ${shown}: use 1 to 256 printable ASCII characters.`);
  }
  if (error && byteLength(JSON.stringify(error)) > ERROR_BYTES_MAX) {
    throw invalid(`Error object size must be less than ${ERROR_BYTES_MAX} bytes.`);
  }
  if (Type === 'EXECUTION') return;
  if (Action === 'START') checkBytes(`${Type} input`, Payload, INPUT_BYTES_MAX);
  else checkBytes(`${Type} output`, Payload, PAYLOAD_BYTES_MAX);
}

/** Throws a ServiceError if the answer of a callback is too large. Returns its bytes, which count for its execution. */
export function checkAnswer({ result, error }: { result?: string | undefined; error?: ErrorObject | undefined }): number {
  checkBytes('Callback result', result, CALLBACK_BYTES_MAX);
  if (error && byteLength(JSON.stringify(error)) > ERROR_BYTES_MAX) {
    throw invalid(`Error object size must be less than ${ERROR_BYTES_MAX} bytes.`);
  }
  return bytesOf({ Payload: result, Error: error });
}

/** Throws a ServiceError if an execution has more operations or bytes than the service allows. */
export function checkExecution({ operations, bytes }: { operations: number; bytes: number }): void {
  if (operations > OPERATIONS_MAX) throw invalid(`An execution can have at most ${OPERATIONS_MAX} operations.`);
  if (bytes > EXECUTION_BYTES_MAX) throw invalid(`An execution can hold at most ${EXECUTION_BYTES_MAX} bytes.`);
}

/** The bytes that an update adds to its execution. */
export function bytesOf({ Payload, Error: error }: Pick<OperationUpdate, 'Payload' | 'Error'>): number {
  const payloadBytes = Payload === undefined ? 0 : byteLength(Payload);
  return payloadBytes + (error ? byteLength(JSON.stringify(error)) : 0);
}

function checkBytes(what: string, payload: string | undefined, max: number): void {
  if (payload !== undefined && byteLength(payload) > max) {
    throw invalid(`${what} payload size must be less than or equal to ${max} bytes.`);
  }
}

function byteLength(text: string): number {
  return Buffer.byteLength(text);
}
