// A stale checkpoint token ends an invocation, never the execution: a newer invocation holds the execution by then.
import {
  type DurableExecutionClient,
  DurableExecutionClientError,
  isDurableExecutionClientError,
} from '@aws/durable-execution-sdk-js';

// SDK 2.4.0 looks for "Invalid Checkpoint Token", the service says "Invalid checkpoint token": unwrapped, the execution dies.
const STALE_TOKEN = /^invalid checkpoint token/i;

export function staleTokenError(cause?: unknown): DurableExecutionClientError {
  return new DurableExecutionClientError('Invalid checkpoint token', { scope: 'INVOCATION', cause });
}

/** The same client, whose refusals of a stale token say how far they reach. */
export function survivingStaleTokens(client: DurableExecutionClient): DurableExecutionClient {
  return {
    checkpoint: (request, logger) => client.checkpoint(request, logger).catch(rethrow),
    getExecutionState: (request, logger) => client.getExecutionState(request, logger).catch(rethrow),
  };
}

function rethrow(error: unknown): never {
  const stale = error instanceof Error && error.name === 'InvalidParameterValueException' && STALE_TOKEN.test(error.message);
  throw stale && !isDurableExecutionClientError(error) ? staleTokenError(error) : error;
}
