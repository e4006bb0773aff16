// Public price lists of language models, as read on the day that each list names.

export interface PriceList {
  source: string;
  /** The day on which the list was read: prices change. */
  asOf: string;
  /** Price of a regional endpoint relative to the global one; 1 if there is only one price. */
  regionalFactor: number;
  prices: readonly PriceRow[];
}

/**
 * Model name, then USD per million tokens, on demand, standard tier: of the global endpoint if there is one. Input that is read from or
 * written to a prompt cache (for 5 minutes) costs the same as other input unless the row has its price. For Claude most read at a tenth
 * and write at 1.25 times the price of input: platform.claude.com/docs/en/build-with-claude/prompt-caching; on Bedrock, too.
 */
export type PriceRow = readonly [model: string, input: number, output: number, cacheRead?: number, cacheWrite?: number];

const BEDROCK = 'Amazon Bedrock pricing (aws.amazon.com/bedrock/pricing), us-east-1';

/**
 * Claude 3.5 Sonnet is missing: sources disagree since its price rose for late users. If a price depends on the prompt length, the
 * list has the price of short prompts.
 */
export const BEDROCK_PRICES: readonly PriceList[] = [
  {
    source: `${BEDROCK}, as kept in AWS's agent-toolkit-for-aws, bedrock-pricing-cache.md`,
    asOf: '2026-09-03',
    regionalFactor: 1,
    prices: [
      ['amazon.nova-micro', 0.035, 0.14, 0.00875],
      ['amazon.nova-lite', 0.06, 0.24, 0.015],
      ['amazon.nova-pro', 0.8, 3.2, 0.2],
      ['amazon.nova-premier', 2.5, 12.5, 0.625],
      ['amazon.nova-2-pro', 1.375, 11],
      ['anthropic.claude-sonnet-4', 3, 15, 0.3, 3.75],
      ['anthropic.claude-opus-4-1', 15, 75, 1.5, 18.75],
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
    source: `${BEDROCK}, as kept in @pydantic/genai-prices 0.1.8`,
    asOf: '2026-09-23',
    regionalFactor: 1,
    prices: [
      ['anthropic.claude-3-haiku', 0.25, 1.25, 0.03, 0.3],
      ['anthropic.claude-3-5-haiku', 0.8, 4, 0.08, 1],
      ['anthropic.claude-3-7-sonnet', 3, 15, 0.3, 3.75],
      ['anthropic.claude-opus-4', 15, 75, 1.5, 18.75],
      ['meta.llama3-2-11b-instruct', 0.16, 0.16],
      ['mistral.ministral-3-3b-instruct', 0.1, 0.1],
      ['mistral.ministral-3-8b-instruct', 0.15, 0.15],
      ['mistral.ministral-3-14b-instruct', 0.2, 0.2],
      ['mistral.pixtral-large-2502', 2, 6],
      ['qwen.qwen3-vl-235b-a22b', 0.53, 2.66],
    ],
  },
  {
    // A regional endpoint or profile costs 10 % more than the global one: platform.claude.com, Claude in Amazon Bedrock, "Regions".
    source: `${BEDROCK}, as kept in @pydantic/genai-prices 0.1.8 and AWS's agent-toolkit-for-aws, bedrock_pricing.py`,
    asOf: '2026-09-23',
    regionalFactor: 1.1,
    prices: [
      ['amazon.nova-2-lite', 0.3, 2.5, 0.075],
      ['anthropic.claude-haiku-4-5', 1, 5, 0.1, 1.25],
      ['anthropic.claude-sonnet-4-5', 3, 15, 0.3, 3.75],
      ['anthropic.claude-sonnet-4-6', 3, 15, 0.3, 3.75],
      ['anthropic.claude-sonnet-5', 2, 10, 0.2, 2.5],
      ['anthropic.claude-opus-4-5', 5, 25, 0.5, 6.25],
      ['anthropic.claude-opus-4-6', 5, 25, 0.5, 6.25],
      ['anthropic.claude-opus-4-7', 5, 25, 0.5, 6.25],
      ['anthropic.claude-opus-4-8', 5, 25, 0.5, 6.25],
      ['anthropic.claude-opus-5', 5, 25, 0.5, 6.25],
      ['openai.gpt-5.6-sol', 4, 20, 0.4, 5],
      ['openai.gpt-5.6-terra', 2, 12, 0.2, 2.5],
      ['openai.gpt-5.6-luna', 0.2, 1.2, 0.02, 0.25],
    ],
  },
  {
    source:
      'Claude pricing (platform.claude.com/docs/en/about-claude/pricing), as read for claudit 1.9.2 and by Apify for Bedrock',
    asOf: '2026-10-24',
    regionalFactor: 1.1,
    prices: [
      ['anthropic.claude-haiku-5-5', 0.1, 0.5, 0.01, 0.125],
      ['anthropic.claude-sonnet-5-5', 2, 10, 0.1, 2.5],
      ['anthropic.claude-opus-5-5', 4, 20, 0.2, 5],
    ],
  },
];

const CLAUDE = 'Claude pricing (platform.claude.com/docs/en/about-claude/pricing)';

/** Claude through Anthropic's own API. Inference in the United States only, which costs 10 % more, is not requested. */
export const ANTHROPIC_PRICES: readonly PriceList[] = [
  {
    source: `${CLAUDE}, as kept in @pydantic/genai-prices 0.1.8`,
    asOf: '2026-09-23',
    regionalFactor: 1,
    prices: [
      ['claude-3-haiku', 0.25, 1.25, 0.03, 0.3],
      ['claude-3-5-haiku', 0.8, 4, 0.08, 1],
      ['claude-3-7-sonnet', 3, 15, 0.3, 3.75],
      ['claude-haiku-4-5', 1, 5, 0.1, 1.25],
      ['claude-sonnet-4', 3, 15, 0.3, 3.75],
      ['claude-sonnet-4-5', 3, 15, 0.3, 3.75],
      ['claude-sonnet-4-6', 3, 15, 0.3, 3.75],
      ['claude-sonnet-5', 2, 10, 0.2, 2.5],
      ['claude-opus-4', 15, 75, 1.5, 18.75],
      ['claude-opus-4-1', 15, 75, 1.5, 18.75],
      ['claude-opus-4-5', 5, 25, 0.5, 6.25],
      ['claude-opus-4-6', 5, 25, 0.5, 6.25],
      ['claude-opus-4-7', 5, 25, 0.5, 6.25],
      ['claude-opus-4-8', 5, 25, 0.5, 6.25],
      ['claude-opus-5', 5, 25, 0.5, 6.25],
      ['claude-fable-5', 10, 50, 1, 12.5],
      ['claude-fable-5-1', 10, 50, 0.25, 12.5],
    ],
  },
  {
    source: `${CLAUDE}, as read for claudit 1.9.2`,
    asOf: '2026-10-24',
    regionalFactor: 1,
    prices: [
      ['claude-haiku-5-5', 0.1, 0.5, 0.01, 0.125],
      ['claude-sonnet-5-5', 2, 10, 0.1, 2.5],
      ['claude-opus-5-5', 4, 20, 0.2, 5],
    ],
  },
];

export const OPENAI_PRICES: readonly PriceList[] = [
  {
    source: 'OpenAI API pricing (developers.openai.com/api/docs/pricing), as kept in @pydantic/genai-prices 0.1.8',
    asOf: '2026-09-23',
    regionalFactor: 1,
    prices: [
      ['gpt-4o', 2.5, 10, 1.25],
      ['gpt-4o-2024-05-13', 5, 15],
      ['gpt-4o-mini', 0.15, 0.6, 0.075],
      ['gpt-4.1', 2, 8, 0.5],
      ['gpt-4.1-mini', 0.4, 1.6, 0.1],
      ['gpt-4.1-nano', 0.1, 0.4, 0.025],
      ['gpt-5', 1.25, 10, 0.125],
      ['gpt-5-mini', 0.25, 2, 0.025],
      ['gpt-5-nano', 0.05, 0.4, 0.005],
      ['gpt-5.1', 1.25, 10, 0.125],
      ['gpt-5.2', 1.75, 14, 0.175],
      ['gpt-5.4', 2.5, 15, 0.25],
      ['gpt-5.4-mini', 0.75, 4.5, 0.075],
      ['gpt-5.4-nano', 0.2, 1.25, 0.02],
      ['gpt-5.5', 5, 30, 0.5],
      ['o3', 2, 8, 0.5],
      ['o4-mini', 1.1, 4.4, 0.275],
    ],
  },
];
