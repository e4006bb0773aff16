// Decides whether an execution must stop before it has analyzed all tiles: it was cancelled, or its budget is spent. Reads the
// store from time to time.

import { documents } from '../documents.ts';
import type { Stop } from '../planning/shards.ts';
import type { PipelineDeps } from '../ports.ts';

export interface Cancellation {
  /** Why to stop, as far as it is known; `null` to continue. `moreUsd` was spent besides what has been counted. */
  reason(moreUsd?: number): Stop | null;
  /** The same, after reading the store. */
  check(): Promise<Stop | null>;
  /** Reads the store regularly from now on, until `close`. */
  watch(): void;
  close(): void;
}

/** `spentUsd` returns what detection has cost so far. */
export function watchCancellation(
  executionId: string,
  maxCostUsd: number | null,
  spentUsd: () => number,
  { blobs, log, limits }: PipelineDeps,
): Cancellation {
  let cancelled = false;
  let timer: NodeJS.Timeout | null = null;
  let closed = false;

  const reason = (moreUsd = 0): Stop | null => {
    if (cancelled) return 'cancelled';
    return maxCostUsd !== null && spentUsd() + moreUsd >= maxCostUsd ? 'budget' : null;
  };
  const check = async () => {
    cancelled ||= (await blobs.head(documents.cancellation(executionId).key)) !== null;
    return reason();
  };
  const checkLater = () => {
    if (closed || cancelled) return;
    timer = setTimeout(() => {
      check()
        .catch((error) => log.warn({ error }, 'The cancellation document could not be read; the execution continues.'))
        .finally(checkLater);
    }, limits.progressEveryMs);
    timer.unref();
  };

  return {
    reason,
    check,
    watch() {
      if (timer === null) checkLater();
    },
    close() {
      closed = true;
      if (timer) clearTimeout(timer);
    },
  };
}
