// Reports the progress of an execution to the client whose call waits for it, if the call has a progress token. Knows no tool.
import type { ServerContext } from '@modelcontextprotocol/server';
import type { Progress } from '../../pipeline/contract/schemas.ts';
import { endedTiles } from '../../pipeline/planning/shards.ts';
import type { ToolDeps } from '../access/deps.ts';
import { progressInWords } from '../executions/status.ts';

/** A client that ends silent calls must hear from a phase in which no tile ends, such as the merge. */
const REPEATED_AFTER_MS = 1_000;
/** A call waits 25 s at most, so that repetitions never add up to a tile. */
const REPETITION = 0.01;

/**
 * Whole values are ended tiles. The protocol wants every value to be larger than the one before: a report without a further tile adds a
 * hundredth, and goes without a total where that would exceed it. `undefined` if the call has no progress token.
 */
export function progressReports({ mcpReq }: ServerContext, { clock }: Pick<ToolDeps, 'clock'>): ToolDeps['onProgress'] {
  const progressToken = mcpReq._meta?.progressToken;
  if (progressToken === undefined) return undefined;
  let [value, sent, sentMs] = [-REPETITION, '', 0];
  return async (state: Progress) => {
    const message = progressInWords(state);
    const nowMs = clock.now().getTime();
    if (message === sent && nowMs - sentMs < REPEATED_AFTER_MS) return;
    value = Math.max(endedTiles(state.tiles), Math.round((value + REPETITION) * 100) / 100);
    [sent, sentMs] = [message, nowMs];
    const { total } = state.tiles;
    const params = { progressToken, progress: value, ...(total >= value && total > 0 && { total }), message };
    await mcpReq.notify({ method: 'notifications/progress', params }).catch(() => {}); // the client may be gone
  };
}
