// Decides by the kind of error whether a step runs again. Nothing else does.
import { createRetryStrategy, JitterStrategy, type StepConfig } from '@aws/durable-execution-sdk-js';
import { ATTEMPTS_MAX } from '../planning/shards.ts';

const whileTransient = createRetryStrategy({
  maxAttempts: ATTEMPTS_MAX,
  initialDelay: { seconds: 1 },
  maxDelay: { seconds: 20 },
  backoffRate: 3,
  jitter: JitterStrategy.FULL,
});

/** Only a TransientError is retried. Bugs and errors that the caller must fix end the step at once. */
export function retryTransient(error: Error, attempt: number): ReturnType<NonNullable<StepConfig<unknown>['retryStrategy']>> {
  return error.name === 'TransientError' ? whileTransient(error, attempt) : { shouldRetry: false };
}
