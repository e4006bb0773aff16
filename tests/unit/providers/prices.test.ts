import { describe, expect, test } from 'vitest';
import { costOf, priceOf } from '../../../pipeline/providers/prices.ts';

const million = { input_tokens: 1_000_000, output_tokens: 1_000_000 };

describe('the price of a model', () => {
  test.each([
    ['bedrock:amazon.nova-lite-v1:0', 0.3],
    ['bedrock:amazon.nova-lite-v1:0:300k', 0.3],
    ['bedrock:us.amazon.nova-lite-v1:0', 0.3],
    ['bedrock:eu.amazon.nova-pro-v1:0', 4],
    ['bedrock:arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-pro-v1:0', 4],
    ['bedrock:apac.amazon.nova-micro-v1:0', 0.175],
    ['bedrock:us.meta.llama4-maverick-17b-instruct-v1:0', 1.21],
    ['bedrock:us.mistral.pixtral-large-2502-v1:0', 8],
    ['bedrock:us.anthropic.claude-sonnet-4-20250514-v1:0', 18],
    ['bedrock:us.anthropic.claude-opus-4-20250514-v1:0', 90],
    ['anthropic:claude-sonnet-4-5-20250929', 18],
    ['anthropic:claude-sonnet-4-0', 18],
    ['anthropic:claude-3-5-haiku-latest', 4.8],
    ['anthropic:claude-opus-5-5', 24],
    ['openai:gpt-4o-mini', 0.75],
    ['openai:gpt-4o-2024-11-20', 12.5],
    ['openai:gpt-4o-2024-05-13', 20],
    ['onnx:nanodet', 0],
    ['rules:summary', 0],
  ])('%s has a price: a million input and output tokens cost %d USD', (model, cost) => {
    expect(costOf(model, million)).toBeCloseTo(cost, 6);
  });

  test.each([
    ['amazon.nova-2-lite-v1:0', 2.8],
    ['anthropic.claude-haiku-4-5-20251001-v1:0', 6],
    ['anthropic.claude-opus-4-6-v1', 30],
    ['anthropic.claude-sonnet-5', 12],
    ['anthropic.claude-haiku-5-5', 0.6],
  ])('%s costs 10 %% more on a regional endpoint than on the global one', (id, cost) => {
    expect(costOf(`bedrock:global.${id}`, million)).toBeCloseTo(cost, 6);
    for (const profile of ['', 'us.', 'eu.', 'jp.', 'au.']) {
      expect(costOf(`bedrock:${profile}${id}`, million)).toBeCloseTo(cost * 1.1, 6);
    }
  });

  test.each([
    ['an unlisted id', 'bedrock:example.unpriced-v1:0'],
    ['a model on a server of your own', 'openai:qwen3-vl:8b'],
    ['the beginning of an id', 'bedrock:us.amazon.nova'],
    ['a model named like a cheaper one', 'bedrock:us.anthropic.claude-sonnet-4-9'],
    ['a model that adds a digit', 'bedrock:us.anthropic.claude-opus-4-10-20270101-v1:0'],
    ['a profile of GovCloud', 'bedrock:us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0'],
    [
      'a profile that does not name its model',
      'bedrock:arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2',
    ],
    ['a model under another provider', 'other:amazon.nova-lite-v1:0'],
    ['a Bedrock model on an OpenAI-compatible server', 'openai:amazon.nova-lite-v1:0'],
    ['a Claude model that adds a digit', 'anthropic:claude-opus-5-55'],
    ['a Bedrock id at Anthropic', 'anthropic:anthropic.claude-opus-5-5'],
    ['a model on a local server', 'openai:qwen3-vl'],
    ['a tag on a local server', 'openai:gpt-5:8b'],
    ['a property name of every object', 'openai:constructor'],
  ])('%s has no price: what %s costs is unknown', (_kind, model) => {
    expect(costOf(model, million)).toBeNull();
    expect(priceOf(model)).toBeNull();
  });

  test('names its public list and the day on which the list was read', () => {
    expect(priceOf('bedrock:us.amazon.nova-lite-v1:0')).toMatchObject({
      source: expect.stringContaining('aws.amazon.com/bedrock/pricing'),
      asOf: expect.stringMatching(/^\d{4}-\d{2}-\d{2}$/),
    });
  });

  test.each([
    ['anthropic:claude-opus-5', 0.5, 6.25],
    ['anthropic:claude-opus-5-5', 0.2, 5],
    ['bedrock:global.anthropic.claude-sonnet-5', 0.2, 2.5],
    ['bedrock:us.anthropic.claude-sonnet-5', 0.22, 2.75],
    ['bedrock:amazon.nova-lite-v1:0', 0.015, 0.06],
    ['openai:gpt-4.1', 0.5, 2],
    ['onnx:nanodet', 0, 0],
  ])('%s has a price of cached input: %d USD to read a million tokens, %d to write them', (model, read, write) => {
    const cached = { input_tokens: 1_000_000, output_tokens: 0 };
    expect(costOf(model, { ...cached, cache_read_tokens: 1_000_000 })).toBeCloseTo(read, 9);
    expect(costOf(model, { ...cached, cache_write_tokens: 1_000_000 })).toBeCloseTo(write, 9);
  });

  test('grows with input tokens and with output tokens', () => {
    const model = 'bedrock:amazon.nova-lite-v1:0';
    expect(costOf(model, { input_tokens: 1_000, output_tokens: 0 })).toBeCloseTo(0.00006, 9);
    expect(costOf(model, { input_tokens: 0, output_tokens: 1_000 })).toBeCloseTo(0.00024, 9);
  });
});
