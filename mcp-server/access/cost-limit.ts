// What a request may ask of this deployment at most.
import { UserError } from '../../pipeline/contract/errors.ts';
import type { ToolDeps } from './deps.ts';

/** The budget of an execution in USD; the deployment's own when the request has none, null when there is no limit at all. */
export function checkCost(maxCostUsd: number | undefined, { costUsdMax }: Pick<ToolDeps, 'costUsdMax'>): number | null {
  if (costUsdMax === null) return maxCostUsd ?? null;
  if (maxCostUsd === undefined || maxCostUsd <= costUsdMax) return maxCostUsd ?? costUsdMax;
  throw new UserError(
    `Expected max_cost_usd of at most ${costUsdMax}, which this server allows, got ${maxCostUsd}. Choose less, or a smaller region.`,
  );
}
