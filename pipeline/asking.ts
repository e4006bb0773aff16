// The body of a step that asks a model: logs why it fails, and reports that the execution waits while the model is throttled.
import { TransientError } from './contract/errors.ts';
import type { ModelId } from './contract/schemas.ts';
import type { PipelineDeps } from './ports.ts';
import type { ProgressReport } from './progress/progress-writer.ts';
import { loggingFailure } from './telemetry/log-context.ts';

/** What such a step needs from its execution. */
interface Asking {
  deps: PipelineDeps;
  progress: ProgressReport;
}

export function asking<T>(
  step: string,
  { deps, progress }: Asking,
  model: ModelId | null,
  ask: () => Promise<T>,
): () => Promise<T> {
  return loggingFailure(deps.log, { step, model }, async () => {
    const answer = await ask().catch((error) => {
      progress.waits(error instanceof TransientError && error.throttled ? error.message : null);
      throw error;
    });
    progress.waits(null);
    return answer;
  });
}
