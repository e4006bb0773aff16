// Maps kinds of errors to retries. The only place that decides whether a step runs again.
import { createRetryStrategy, JitterStrategy, type StepConfig } from '@aws/durable-execution-sdk-js';
import { ATTEMPTS_MAX } from '../planning/shards.ts';

const whileTransient = createRetryStrategy({
  maxAttempts: ATTEMPTS_MAX,
  initialDelay: { seconds: 1 },
  maxDelay: { seconds: 20 },
  backoffRate: 3,
  jitter: JitterStrategy.FULL,
});

/** What the caller must fix, and bugs, fail at once. */
export function retryTransient(error: Error, attempt: number): ReturnType<NonNullable<StepConfig<unknown>['retryStrategy']>> {
  return error.name === 'TransientError' ? whileTransient(error, attempt) : { shouldRetry: false };
}
