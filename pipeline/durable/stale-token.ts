// A stale checkpoint token ends the invocation, not the execution: a newer invocation has taken over.
import {
  type DurableExecutionClient,
  DurableExecutionClientError,
  isDurableExecutionClientError,
} from '@aws/durable-execution-sdk-js';

// SDK 2.4.0 compares with "Invalid Checkpoint Token", but the service sends "Invalid checkpoint token", which would fail the execution.
const STALE_TOKEN = /^invalid checkpoint token/i;

export function staleTokenError(cause?: unknown): DurableExecutionClientError {
  return new DurableExecutionClientError('Invalid checkpoint token', { scope: 'INVOCATION', cause });
}

/** The same client, with errors about a stale token that end the invocation only. */
export function survivingStaleTokens(client: DurableExecutionClient): DurableExecutionClient {
  return {
    checkpoint: (request, logger) => client.checkpoint(request, logger).catch(rethrow),
    getExecutionState: (request, logger) => client.getExecutionState(request, logger).catch(rethrow),
  };
}

function rethrow(error: unknown): never {
  const isStale = error instanceof Error && error.name === 'InvalidParameterValueException' && STALE_TOKEN.test(error.message);
  throw isStale && !isDurableExecutionClientError(error) ? staleTokenError(error) : error;
}
