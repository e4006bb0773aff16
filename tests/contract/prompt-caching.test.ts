// The part of a prompt that is the same for all tiles is kept by the provider, where the model can: what is sent, and what it costs.
// Anthropic's own API is in anthropic-vision.test.ts.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bedrockVision } from '../../pipeline/vision/llm/bedrock-vision.ts';
import { openaiVision } from '../../pipeline/vision/llm/openai-vision.ts';
import { fakeCredentials } from '../support/aws-credentials.ts';
import { type BedrockReply, bedrockServer, toolUse } from '../support/bedrock-server.ts';
import { EVERYTHING, TILE } from '../support/cat-tile.ts';
import { completion, openaiServer } from '../support/openai-server.ts';

const CLAUDE = 'bedrock:us.anthropic.claude-sonnet-5-v1:0';
const NOVA = 'bedrock:us.amazon.nova-lite-v1:0';
const NOTHING = toolUse('report_detections', { detections: [] });
const CACHE_POINT = { cachePoint: { type: 'default' } };

beforeEach(fakeCredentials);
afterEach(() => vi.unstubAllEnvs());

describe('on Bedrock', () => {
  it('a cache point of Claude ends what is the same for all tiles', async () => {
    const { endpoint, requests } = await bedrockServer(NOTHING);
    const vision = bedrockVision({ endpoint });
    await vision.detect(CLAUDE, TILE, { look_for: 'cats', labels: [] });
    await vision.detect(CLAUDE, { ...TILE, width: 100 }, { look_for: null, labels: ['dog'] });
    const [first, second] = requests.map(({ body }) => body);
    expect(first?.system).toEqual([{ text: expect.any(String) }, CACHE_POINT]);
    expect([second?.toolConfig, second?.system]).toEqual([first?.toolConfig, first?.system]);
  });

  it('nothing is cached of what an analysis asks once, and of models that would not keep so little', async () => {
    const { endpoint, requests } = await bedrockServer(
      toolUse('report_verdict', { verdict: 'allowed', category: 'none', score: 1 }),
      NOTHING,
    );
    const vision = bedrockVision({ endpoint });
    await vision.moderate(CLAUDE, TILE);
    await vision.detect(NOVA, TILE, EVERYTHING);
    expect(requests).toHaveLength(2);
    expect(JSON.stringify(requests.map(({ body }) => body))).not.toContain('cachePoint');
  });

  const refusals: [string, BedrockReply][] = [
    [
      'as if access were denied',
      {
        error: 'AccessDeniedException',
        status: 403,
        message:
          'You invoked an unsupported model or your request did not allow prompt caching. See the documentation for more information.',
      },
    ],
    [
      'as an extraneous key',
      {
        error: 'ValidationException',
        status: 400,
        message:
          'Malformed input request: #/system/1: extraneous key [cachePoint] is not permitted, please reformat your input and try again.',
      },
    ],
  ];
  it.each(refusals)('a cache point that is refused %s is left out from then on', async (_how, refusal) => {
    const { endpoint, requests } = await bedrockServer(({ body }) =>
      JSON.stringify(body).includes('cachePoint') ? refusal : NOTHING,
    );
    const vision = bedrockVision({ endpoint });
    const { notes } = await vision.detect(CLAUDE, TILE, EVERYTHING);
    expect(notes).toEqual([`${CLAUDE} refuses prompt caching; every call pays for its instructions in full.`]);
    await vision.detect(CLAUDE, TILE, EVERYTHING);
    expect(requests).toHaveLength(3);
  });

  it('a denial of access is still a denial', async () => {
    const { endpoint, requests } = await bedrockServer({
      error: 'AccessDeniedException',
      status: 403,
      message: 'You are not authorized.',
    });
    const denied = bedrockVision({ endpoint }).detect(CLAUDE, TILE, EVERYTHING);
    await expect(denied).rejects.toMatchObject({ name: 'UserError', message: expect.stringContaining('bedrock:InvokeModel') });
    expect(requests).toHaveLength(1);
  });

  it('cached tokens count as input, at their own price and that of the region', async () => {
    const counts = { inputTokens: 100, outputTokens: 50, cacheReadInputTokens: 1_000, cacheWriteInputTokens: 10 };
    const { endpoint } = await bedrockServer(toolUse('report_detections', { detections: [] }, counts));
    const { usage } = await bedrockVision({ endpoint }).detect(CLAUDE, TILE, EVERYTHING);
    const cost_usd = ((100 * 2 + 1_000 * 0.2 + 10 * 2.5 + 50 * 10) * 1.1) / 1_000_000;
    expect(usage).toEqual({ input_tokens: 1_110, output_tokens: 50, cost_usd: expect.closeTo(cost_usd, 9) });
  });
});

it('what OpenAI read from its own cache is part of the prompt, and costs less', async () => {
  const usage = { prompt_tokens: 2_000, completion_tokens: 50, prompt_tokens_details: { cached_tokens: 1_024 } };
  const { baseUrl } = await openaiServer(completion({ content: '{"detections":[]}', usage }));
  const answer = await openaiVision({ baseUrl, apiKey: null }).detect('openai:gpt-4o', TILE, EVERYTHING);
  const cost_usd = (976 * 2.5 + 1_024 * 1.25 + 50 * 10) / 1_000_000;
  expect(answer.usage).toEqual({ input_tokens: 2_000, output_tokens: 50, cost_usd: expect.closeTo(cost_usd, 9) });
});
