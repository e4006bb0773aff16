import { describe, expect, test } from 'vitest';
import { costOf, priceOf } from '../pipeline/core/prices.ts';

const million = { input_tokens: 1_000_000, output_tokens: 1_000_000 };

describe('the price of a model', () => {
  test.each([
    ['bedrock:amazon.nova-lite-v1:0', 0.3],
    ['bedrock:us.amazon.nova-lite-v1:0', 0.3],
    ['bedrock:eu.amazon.nova-pro-v1:0', 4],
    ['bedrock:global.anthropic.claude-haiku-4-5-20251001-v1:0', 6],
    ['bedrock:us.anthropic.claude-haiku-4-5-20251001-v1:0', 6.6],
    ['bedrock:us.anthropic.claude-sonnet-4-20250514-v1:0', 18],
    ['onnx:nanodet', 0],
    ['rules:summary', 0],
  ])('%s is known: a million tokens in and out cost %d USD', (model, cost) => {
    const { cost_usd, known } = costOf(model, million);
    expect(known).toBe(true);
    expect(cost_usd).toBeCloseTo(cost, 6);
  });

  test.each(['bedrock:example.unpriced-v1:0', 'openai:qwen3-vl', 'bedrock:us.amazon.nova', 'other:amazon.nova-lite-v1:0'])(
    '%s is not, and is counted as nothing',
    (model) => {
      expect(costOf(model, million)).toEqual({ cost_usd: 0, known: false });
      expect(priceOf(model)).toBeNull();
    },
  );

  test('grows with the tokens of each kind', () => {
    const model = 'bedrock:amazon.nova-lite-v1:0';
    expect(costOf(model, { input_tokens: 1_000, output_tokens: 0 }).cost_usd).toBeCloseTo(0.00006, 9);
    expect(costOf(model, { input_tokens: 0, output_tokens: 1_000 }).cost_usd).toBeCloseTo(0.00024, 9);
  });
});
