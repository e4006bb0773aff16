// The most that a request may spend on this deployment.
import { UserError } from '../../pipeline/contract/errors.ts';
import type { ToolDeps } from './deps.ts';

/** The budget of an execution in USD: the request's own, or the limit of the deployment; `null` if there is neither. */
export function checkCost(maxCostUsd: number | undefined, { costUsdMax }: Pick<ToolDeps, 'costUsdMax'>): number | null {
  if (costUsdMax === null) return maxCostUsd ?? null;
  if (maxCostUsd === undefined || maxCostUsd <= costUsdMax) return maxCostUsd ?? costUsdMax;
  throw new UserError(
    `max_cost_usd is ${maxCostUsd}, but this server allows at most ${costUsdMax}. Send a smaller budget, and a smaller region if necessary.`,
  );
}
