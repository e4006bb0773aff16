// What language models cost, from public price lists. Pure. A model that is not listed has no known price, which is said, not guessed.
import type { ModelId, Usage } from './contract.ts';

interface Price {
  /** The model's id without provider, region prefix and version, as a beginning. */
  model: string;
  /** USD per million tokens. */
  input: number;
  output: number;
}

/** On demand, standard tier. Regional profiles of newer Claude models cost a tenth more than global ones; that tenth is counted. */
interface PriceList {
  source: string;
  /** When the list was last seen; prices change. */
  asOf: string;
  prices: readonly Price[];
}

const BEDROCK: PriceList = {
  source: 'Amazon Bedrock pricing, on demand, us-east-1, as quoted by three independent pages',
  asOf: '2026-04-10',
  prices: [
    { model: 'amazon.nova-micro', input: 0.035, output: 0.14 },
    { model: 'amazon.nova-lite', input: 0.06, output: 0.24 },
    { model: 'amazon.nova-pro', input: 0.8, output: 3.2 },
    { model: 'anthropic.claude-3-5-haiku', input: 0.8, output: 4 },
    { model: 'anthropic.claude-3-7-sonnet', input: 3, output: 15 },
    { model: 'anthropic.claude-haiku-4-5', input: 1, output: 5 },
    { model: 'anthropic.claude-sonnet-4', input: 3, output: 15 },
    { model: 'anthropic.claude-opus-4-5', input: 5, output: 25 },
    { model: 'anthropic.claude-opus-4-6', input: 5, output: 25 },
    { model: 'anthropic.claude-opus-4-7', input: 5, output: 25 },
    { model: 'anthropic.claude-opus-4-1', input: 15, output: 75 },
  ],
};

/** From Claude 4.5 on, an endpoint of one region costs a tenth more than the global one. */
const REGIONAL_SURCHARGE = 1.1;
const SURCHARGED = /^anthropic\.claude-(haiku|sonnet|opus)-4-[5-9]/;
const PROFILE = /^(us|us-gov|eu|apac|jp|au|ca|global)\./;
const FREE_PROVIDERS = new Set(['onnx', 'rules']);

/** What the tokens cost. `known` is false when no price is known for the model; the cost is then 0. */
export function costOf(
  model: ModelId,
  { input_tokens, output_tokens }: Pick<Usage, 'input_tokens' | 'output_tokens'>,
): { cost_usd: number; known: boolean } {
  const price = priceOf(model);
  if (!price) return { cost_usd: 0, known: false };
  return { cost_usd: (input_tokens * price.input + output_tokens * price.output) / 1_000_000, known: true };
}

/** USD per million tokens; null when unknown. */
export function priceOf(model: ModelId): { input: number; output: number } | null {
  const separator = model.indexOf(':');
  const provider = model.slice(0, separator);
  if (FREE_PROVIDERS.has(provider)) return { input: 0, output: 0 };
  if (provider !== 'bedrock') return null;
  const named = model.slice(separator + 1);
  const id = named.replace(PROFILE, '');
  const listed = BEDROCK.prices.find((price) => id.startsWith(price.model));
  if (!listed) return null;
  const surcharge = SURCHARGED.test(id) && !named.startsWith('global.') ? REGIONAL_SURCHARGE : 1;
  return { input: listed.input * surcharge, output: listed.output * surcharge };
}

/** Where the prices come from, for people who read a bill. */
export const PRICES_FROM = `${BEDROCK.source}, ${BEDROCK.asOf}`;
