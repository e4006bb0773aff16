// Decides by the kind of error whether a step runs again. Nothing else does.
import { createRetryStrategy, JitterStrategy, type StepConfig } from '@aws/durable-execution-sdk-js';
import { TransientError } from '../contract/errors.ts';
import { ATTEMPTS_MAX } from '../planning/shards.ts';

const whileTransient = createRetryStrategy({
  maxAttempts: ATTEMPTS_MAX,
  initialDelay: { seconds: 1 },
  maxDelay: { seconds: 20 },
  backoffRate: 3,
  jitter: JitterStrategy.FULL,
});

type Decision = ReturnType<NonNullable<StepConfig<unknown>['retryStrategy']>>;

/** Only a TransientError is retried. Bugs and errors that the caller must fix end the step at once. */
export function retryTransient(error: Error, attempt: number): Decision {
  return error.name === 'TransientError' ? whileTransient(error, attempt) : { shouldRetry: false };
}

/** What a service states may be wrong. */
const ASKED_MAX_S = 300;

/** For the only step of its kind in an execution. It waits 17 minutes for a throttled model: the engine does, no process. */
export const retryThrottled = retryAfter([5, 15, 45, 120, 240, 300, 300]);

/** For one of many steps: each attempt is an operation. */
export const retryVerification = retryAfter([60, 300]);

function retryAfter(throttledDelaysS: readonly number[]): (error: Error, attempt: number) => Decision {
  return (error, attempt) => {
    if (!(error instanceof TransientError && error.throttled)) return retryTransient(error, attempt);
    const seconds = throttledDelaysS[attempt - 1];
    if (seconds === undefined) return { shouldRetry: false };
    return { shouldRetry: true, delay: { seconds: Math.max(seconds, Math.min(error.retryAfterS, ASKED_MAX_S)) } };
  };
}
