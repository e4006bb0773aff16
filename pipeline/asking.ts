// The body of a step that asks a model: logs why it fails, and reports that the execution waits while the model is throttled.
import { AnswerError, TransientError } from './contract/errors.ts';
import type { ModelId, Usage } from './contract/schemas.ts';
import { isNothing } from './contract/usage.ts';
import type { PipelineDeps } from './ports.ts';
import type { ProgressReport } from './progress/progress-writer.ts';
import { logFailure, loggingFailure } from './telemetry/log-context.ts';

/** What such a step needs from its execution. */
interface Asking {
  deps: PipelineDeps;
  progress: ProgressReport;
}

/** Without a usable answer, the result is `unusable` with the cost of the answer: a step that fails keeps its message only. */
export function asking<T extends { usage: Usage }>(
  step: string,
  { deps, progress }: Asking,
  model: ModelId | null,
  ask: () => Promise<T>,
  unusable: ((error: Error) => T) | null = null,
): () => Promise<T> {
  return loggingFailure(deps.log, { step, model }, async () => {
    const answer = await ask().catch((error: unknown) => {
      progress.waits(error instanceof TransientError && error.throttled ? error.message : null);
      if (unusable === null || !(error instanceof AnswerError) || isNothing(error.paid)) throw error;
      logFailure(deps.log, { step, model }, error);
      return { ...unusable(error), usage: error.paid };
    });
    progress.waits(null);
    return answer;
  });
}
