// The cost of unusable answers about a tile: it counts in the cost of the analysis, and against its budget.
import { AnswerError, paidBefore } from '../contract/errors.ts';
import type { Usage } from '../contract/schemas.ts';
import { isNothing, NO_USAGE, totalUsage } from '../contract/usage.ts';
import type { EndedTile } from '../planning/tile-result.ts';

/**
 * Adds the cost of attempts that failed to the result of the tile. If no answer can be used, the result is the sentence of the error,
 * which is logged. Knows the attempts of one invocation: the cost of earlier ones is lost.
 */
export function tileCosts(log: (facts: object, error: Error) => void) {
  const before = new Map<string, Usage>();
  return async (tile: string, facts: object, detect: () => Promise<EndedTile>): Promise<EndedTile> => {
    const paid = before.get(tile) ?? NO_USAGE;
    try {
      const ended = await detect();
      return 'usage' in ended ? { ...ended, usage: totalUsage([paid, ended.usage]) } : ended;
    } catch (error) {
      const usage = totalUsage([paid, paidBefore(error)]);
      before.set(tile, usage);
      if (!(error instanceof AnswerError) || isNothing(usage)) throw error;
      log(facts, error);
      return { unusable: error.message, usage };
    }
  };
}
