// What language models cost, from public price lists. A model that is on none has no known price, which is said, not guessed.
import type { ModelId, Usage } from '../contract/schemas.ts';

/** USD per million tokens, on demand and in the standard tier, without discounts for cached input. */
export interface Price {
  input: number;
  output: number;
  /** The list it comes from, and the day on which that list was read: prices change. */
  source: string;
  asOf: string;
}

interface PriceList {
  provider: string;
  source: string;
  asOf: string;
  /** What one region or group of regions costs over the global endpoint: 1 where there is one price. */
  regional: number;
  /** By the model's id without profile, date and version: USD per million tokens in and out. Of a global endpoint if it has one. */
  prices: readonly (readonly [model: string, input: number, output: number])[];
}

const BEDROCK = 'Amazon Bedrock pricing (aws.amazon.com/bedrock/pricing), us-east-1';

/** Claude 3.5 Sonnet is on none: sources disagree since its price rose for late users. Prices by prompt length: of short prompts. */
const LISTS: readonly PriceList[] = [
  {
    provider: 'bedrock',
    source: `${BEDROCK}, as kept in AWS's agent-toolkit-for-aws, bedrock-pricing-cache.md`,
    asOf: '2026-09-03',
    regional: 1,
    prices: [
      ['amazon.nova-micro', 0.035, 0.14],
      ['amazon.nova-lite', 0.06, 0.24],
      ['amazon.nova-pro', 0.8, 3.2],
      ['amazon.nova-premier', 2.5, 12.5],
      ['amazon.nova-2-pro', 1.375, 11],
      ['anthropic.claude-sonnet-4', 3, 15],
      ['anthropic.claude-opus-4-1', 15, 75],
      ['google.gemma-3-4b-it', 0.04, 0.08],
      ['google.gemma-3-12b-it', 0.09, 0.29],
      ['google.gemma-3-27b-it', 0.23, 0.38],
      ['meta.llama3-2-90b-instruct', 0.72, 0.72],
      ['meta.llama4-maverick-17b-instruct', 0.24, 0.97],
      ['meta.llama4-scout-17b-instruct', 0.17, 0.66],
      ['mistral.mistral-large-3-675b-instruct', 0.5, 1.5],
    ],
  },
  {
    provider: 'bedrock',
    source: `${BEDROCK}, as kept in @pydantic/genai-prices 0.1.8`,
    asOf: '2026-09-23',
    regional: 1,
    prices: [
      ['anthropic.claude-3-haiku', 0.25, 1.25],
      ['anthropic.claude-3-5-haiku', 0.8, 4],
      ['anthropic.claude-3-7-sonnet', 3, 15],
      ['anthropic.claude-opus-4', 15, 75],
      ['meta.llama3-2-11b-instruct', 0.16, 0.16],
      ['mistral.ministral-3-3b-instruct', 0.1, 0.1],
      ['mistral.ministral-3-8b-instruct', 0.15, 0.15],
      ['mistral.ministral-3-14b-instruct', 0.2, 0.2],
      ['mistral.pixtral-large-2502', 2, 6],
      ['qwen.qwen3-vl-235b-a22b', 0.53, 2.66],
    ],
  },
  {
    // A regional endpoint or profile costs a tenth more than the global one: platform.claude.com, Claude in Amazon Bedrock, "Regions".
    provider: 'bedrock',
    source: `${BEDROCK}, as kept in @pydantic/genai-prices 0.1.8 and AWS's agent-toolkit-for-aws, bedrock_pricing.py`,
    asOf: '2026-09-23',
    regional: 1.1,
    prices: [
      ['amazon.nova-2-lite', 0.3, 2.5],
      ['anthropic.claude-haiku-4-5', 1, 5],
      ['anthropic.claude-sonnet-4-5', 3, 15],
      ['anthropic.claude-sonnet-4-6', 3, 15],
      ['anthropic.claude-sonnet-5', 2, 10],
      ['anthropic.claude-opus-4-5', 5, 25],
      ['anthropic.claude-opus-4-6', 5, 25],
      ['anthropic.claude-opus-4-7', 5, 25],
      ['anthropic.claude-opus-4-8', 5, 25],
      ['anthropic.claude-opus-5', 5, 25],
      ['openai.gpt-5.6-sol', 4, 20],
      ['openai.gpt-5.6-terra', 2, 12],
      ['openai.gpt-5.6-luna', 0.2, 1.2],
    ],
  },
  {
    provider: 'bedrock',
    source:
      'Claude pricing (platform.claude.com/docs/en/about-claude/pricing), as read for claudit 1.9.2 and by Apify for Bedrock',
    asOf: '2026-10-24',
    regional: 1.1,
    prices: [
      ['anthropic.claude-haiku-5-5', 0.1, 0.5],
      ['anthropic.claude-sonnet-5-5', 2, 10],
      ['anthropic.claude-opus-5-5', 4, 20],
    ],
  },
  {
    provider: 'openai',
    source: 'OpenAI API pricing (developers.openai.com/api/docs/pricing), as kept in @pydantic/genai-prices 0.1.8',
    asOf: '2026-09-23',
    regional: 1,
    prices: [
      ['gpt-4o', 2.5, 10],
      ['gpt-4o-2024-05-13', 5, 15],
      ['gpt-4o-mini', 0.15, 0.6],
      ['gpt-4.1', 2, 8],
      ['gpt-4.1-mini', 0.4, 1.6],
      ['gpt-4.1-nano', 0.1, 0.4],
      ['gpt-5', 1.25, 10],
      ['gpt-5-mini', 0.25, 2],
      ['gpt-5-nano', 0.05, 0.4],
      ['gpt-5.1', 1.25, 10],
      ['gpt-5.2', 1.75, 14],
      ['gpt-5.4', 2.5, 15],
      ['gpt-5.4-mini', 0.75, 4.5],
      ['gpt-5.4-nano', 0.2, 1.25],
      ['gpt-5.5', 5, 30],
      ['o3', 2, 8],
      ['o4-mini', 1.1, 4.4],
    ],
  },
];

const BY_MODEL = new Map(LISTS.flatMap((list) => list.prices.map((price) => [`${list.provider}:${price[0]}`, { list, price }])));

/** They run on the machine that asks. */
const LOCAL: ReadonlyMap<string, Price> = new Map(
  ['onnx', 'rules'].map((provider) => [provider, { input: 0, output: 0, source: 'runs here', asOf: 'always' }]),
);

/** `us.amazon.nova-lite-v1:0`; AWS GovCloud has prices of its own, so that `us-gov.` is no known prefix. */
const PROFILE = /^(?:global|us|eu|apac|jp|au|ca|in)\./;
const ARN = /^arn:aws:bedrock:[^/]*\//;
/** A dated or numbered version is the same model at the same price, unless a list names it: `-20250929-v1:0`, `-2024-11-20`. */
const VERSION: Readonly<Record<string, RegExp>> = { bedrock: /(?:-\d{8})?(?:-v\d+)?(?::\w+)*$/, openai: /-\d{4}-\d{2}-\d{2}$/ };

/** What the tokens cost. `known` is false when no price is known for the model; the cost is then 0. */
export function costOf(
  model: ModelId,
  { input_tokens, output_tokens }: Pick<Usage, 'input_tokens' | 'output_tokens'>,
): { cost_usd: number; known: boolean } {
  const price = priceOf(model);
  if (!price) return { cost_usd: 0, known: false };
  return { cost_usd: (input_tokens * price.input + output_tokens * price.output) / 1_000_000, known: true };
}

/** Null when no price is known. */
export function priceOf(model: ModelId): Price | null {
  const provider = model.slice(0, model.indexOf(':'));
  const local = LOCAL.get(provider);
  if (local) return local;
  const named = model.slice(provider.length + 1).replace(ARN, '');
  const id = provider === 'bedrock' ? named.replace(PROFILE, '') : named;
  const listed = BY_MODEL.get(`${provider}:${id}`) ?? BY_MODEL.get(`${provider}:${id.replace(VERSION[provider] ?? '', '')}`);
  if (!listed) return null;
  const { source, asOf, regional } = listed.list;
  const factor = named.startsWith('global.') ? 1 : regional;
  return { input: listed.price[1] * factor, output: listed.price[2] * factor, source, asOf };
}
