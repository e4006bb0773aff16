// The errors that the durable execution service answers with, by its type names. Knows no rule that throws them.
import { DurableExecutionClientError } from '@aws/durable-execution-sdk-js';

export type ServiceErrorType =
  | 'InvalidParameterValueException'
  | 'DurableExecutionAlreadyStartedException'
  | 'ResourceNotFoundException'
  | 'CallbackTimeoutException';

/** What retrying cannot mend: thrown out of a checkpoint, it ends the execution. */
export class ServiceError extends DurableExecutionClientError {
  constructor(type: ServiceErrorType, sentence: string) {
    super(sentence, { scope: 'EXECUTION' });
    this.name = type;
  }
}

export function invalid(sentence: string): ServiceError {
  return new ServiceError('InvalidParameterValueException', sentence);
}
