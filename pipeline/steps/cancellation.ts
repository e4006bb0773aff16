// Says when looking must stop before its end: somebody cancelled, or what may be spent is spent. Asks the store now and then.
import { keys } from '../contract/keys.ts';
import type { Stop } from '../planning/shards.ts';
import type { PipelineDeps } from '../ports.ts';

export interface Stopping {
  /** Null: go on. */
  reason(): Stop | null;
  /** Asks the store at once. */
  ask(): Promise<Stop | null>;
  /** Begins to ask the store by itself, until `close`. */
  watch(): void;
  close(): void;
}

/** `spentUsd` is asked for what looks have cost so far. */
export function stopping(
  executionId: string,
  maxCostUsd: number | null,
  spentUsd: () => number,
  { blobs, log, limits }: PipelineDeps,
): Stopping {
  let cancelled = false;
  let timer: NodeJS.Timeout | null = null;
  let closed = false;

  const reason = (): Stop | null => {
    if (cancelled) return 'cancelled';
    return maxCostUsd !== null && spentUsd() >= maxCostUsd ? 'budget' : null;
  };
  const ask = async () => {
    cancelled ||= (await blobs.head(keys.cancel(executionId))) !== null;
    return reason();
  };
  const askAgain = () => {
    if (closed || cancelled) return;
    timer = setTimeout(() => {
      ask()
        .catch((error) => log.warn({ error }, 'Whether the analysis was cancelled could not be read; the run goes on.'))
        .finally(askAgain);
    }, limits.progressEveryMs);
    timer.unref();
  };

  return {
    reason,
    ask,
    watch() {
      if (timer === null) askAgain();
    },
    close() {
      closed = true;
      if (timer) clearTimeout(timer);
    },
  };
}
