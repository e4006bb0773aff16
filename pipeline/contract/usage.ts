// Adds up the tokens and the cost of model calls. A sum with an unknown part is unknown: the known part alone would look like the whole.
import type { Usage } from './schemas.ts';

export const NO_USAGE: Usage = { input_tokens: 0, output_tokens: 0, cost_usd: 0 };

export function isNothing({ input_tokens, output_tokens }: Usage): boolean {
  return input_tokens + output_tokens === 0;
}

export function totalUsage(usages: readonly Usage[]): Usage {
  return usages.reduce(
    (sum, usage) => ({
      input_tokens: sum.input_tokens + usage.input_tokens,
      output_tokens: sum.output_tokens + usage.output_tokens,
      cost_usd: sum.cost_usd === null || usage.cost_usd === null ? null : sum.cost_usd + usage.cost_usd,
    }),
    NO_USAGE,
  );
}
