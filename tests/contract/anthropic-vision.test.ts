// Claude through Anthropic's own API and the Vision port: the official client against the wire format on loopback.
// How answers are read is the same for every language model and tested in bedrock-vision.test.ts.
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import type { Jpeg, Vision } from '../../pipeline/ports.ts';
import { costOf } from '../../pipeline/providers/prices.ts';
import { anthropicVision } from '../../pipeline/vision/llm/anthropic-vision.ts';
import { type AnthropicReply, anthropicServer, type MessagesRequest, message, toolCall } from '../support/anthropic-server.ts';
import { CAT_IN_PIXELS as CAT, EVERYTHING, TILE } from '../support/cat-tile.ts';
import { closedPort } from '../support/closed-port.ts';

const MODEL = 'anthropic:claude-sonnet-5';

const detections = (...reported: object[]): AnthropicReply => toolCall('report_detections', { detections: reported });
const refused = (words: string): AnthropicReply => ({ status: 400, type: 'invalid_request_error', message: words });

/** A plain image is sent after it, to find out whether it concerns the image. */
const UNEXPLAINED = refused('A message of the provider.');

/** Variables that the package would read on its own. */
beforeEach(() => {
  vi.stubEnv('ANTHROPIC_API_KEY', 'from-the-environment');
  vi.stubEnv('ANTHROPIC_AUTH_TOKEN', 'from-the-environment');
  vi.stubEnv('ANTHROPIC_BASE_URL', 'http://127.0.0.1:9/from-the-environment');
});
afterEach(() => vi.unstubAllEnvs());

async function visionOf(...script: Parameters<typeof anthropicServer>): Promise<{ vision: Vision; requests: MessagesRequest[] }> {
  const { baseUrl, requests } = await anthropicServer(...script);
  return { vision: anthropicVision({ baseUrl, apiKey: 'sk-ant-fake', timeoutMs: 20_000 }), requests };
}

describe('anthropicVision asks', () => {
  it('with the image as base64 before the words, the form as the only tool, and without thinking', async () => {
    const { vision, requests } = await visionOf(detections());
    await vision.detect(MODEL, TILE, { look_for: 'cats', labels: [] });
    const [{ body, headers }] = requests as [MessagesRequest];
    expect(headers.authorization ?? headers['x-api-key']).toMatch(/sk-ant-fake$/);
    expect(headers['anthropic-version']).toMatch(/^\d{4}-\d{2}-\d{2}$/);
    expect(body).toMatchObject({ model: 'claude-sonnet-5', max_tokens: 4_096, temperature: 0, thinking: { type: 'disabled' } });
    expect(body.messages).toEqual([
      {
        role: 'user',
        content: [
          {
            type: 'image',
            source: { type: 'base64', media_type: 'image/jpeg', data: Buffer.from(TILE.bytes).toString('base64') },
          },
          { type: 'text', text: expect.stringContaining('"look_for":"cats"') },
        ],
      },
    ]);
    expect(body.tools.map(({ name }) => name)).toEqual(['report_detections']);
    expect(body.tools[0]?.input_schema).toMatchObject({ type: 'object', required: ['detections'] });
    expect(body.tool_choice).toEqual({ type: 'tool', name: 'report_detections' });
    expect(JSON.stringify(body.system)).not.toContain('cats');
  });

  it('for pixels of the image as the model sees it', async () => {
    const { vision, requests } = await visionOf(detections());
    await vision.detect(MODEL, TILE, EVERYTHING);
    expect(JSON.stringify(requests[0]?.body.messages)).toContain('200 pixels wide and 100 pixels high');
  });

  it('with an image that fits the limit, which counts base64', async () => {
    const noise = { type: 'gaussian', mean: 128, sigma: 60 } as const;
    const edgePx = 1_900;
    const raw = sharp({ create: { width: edgePx, height: edgePx, channels: 3, background: '#000', noise } });
    const bytes = new Uint8Array(await raw.jpeg({ quality: 98, chromaSubsampling: '4:4:4' }).toBuffer());
    expect(bytes.length).toBeGreaterThan((5 * 1_048_576 * 3) / 4);
    const { vision, requests } = await visionOf(detections());
    await vision.detect(MODEL, { bytes, width: edgePx, height: edgePx }, EVERYTHING);
    const { content } = requests[0]?.body.messages[0] ?? {};
    const image = Array.isArray(content) ? content[0] : null;
    if (image?.type !== 'image' || image.source.type !== 'base64') throw new Error('There is no image.');
    expect(image.source.data.length).toBeLessThanOrEqual(5 * 1_048_576);
    expect(await sharp(Buffer.from(image.source.data, 'base64')).metadata()).toMatchObject({ width: edgePx, height: edgePx });
  });

  it('so that what is the same for all tiles comes first and is kept in the prompt cache', async () => {
    const { vision, requests } = await visionOf(detections());
    await vision.detect(MODEL, TILE, { look_for: 'cats', labels: [] });
    await vision.detect(MODEL, { ...TILE, width: 100 }, { look_for: null, labels: ['dog'] });
    const [first, second] = requests.map(({ body }) => body);
    expect(first?.system).toEqual([{ type: 'text', text: expect.any(String), cache_control: { type: 'ephemeral' } }]);
    expect([second?.tools, second?.system]).toEqual([first?.tools, first?.system]);
    expect(second?.messages).not.toEqual(first?.messages);
  });

  it('without the cache for what an analysis asks once', async () => {
    const { vision, requests } = await visionOf(toolCall('report_verdict', { verdict: 'allowed', category: 'none', score: 1 }));
    await vision.moderate(MODEL, TILE);
    expect(JSON.stringify(requests[0]?.body)).not.toContain('cache_control');
  });

  it('only with a key', async () => {
    const nowhere = anthropicVision({ baseUrl: null, apiKey: null }).detect(MODEL, TILE, EVERYTHING);
    await expect(nowhere).rejects.toMatchObject({ name: 'UserError', message: expect.stringContaining('ANTHROPIC_API_KEY') });
  });
});

describe('an answer', () => {
  it('contains detections in pixels, with the cost of the tokens that the service counted', async () => {
    const { vision } = await visionOf(detections(CAT, { ...CAT, right: 300 }));
    expect(await vision.detect(MODEL, TILE, EVERYTHING)).toEqual({
      detections: [
        { label: 'cat', description: 'a cat', score: 0.9, severity: 'info', text: null, box: [20, 20, 40, 50] },
        expect.objectContaining({ box: [20, 20, 180, 50] }),
      ],
      clipped: 1,
      unreadable: 0,
      usage: { input_tokens: 1_000, output_tokens: 100, cost_usd: costOf(MODEL, { input_tokens: 1_000, output_tokens: 100 }) },
      notes: [],
    });
  });

  it.each([
    ['read from', { cache_read_input_tokens: 1_000 }, (100 * 2 + 1_000 * 0.2 + 50 * 10) / 1_000_000],
    ['written to', { cache_creation_input_tokens: 1_000 }, (100 * 2 + 1_000 * 2.5 + 50 * 10) / 1_000_000],
  ])('counts tokens that are %s the cache as input, at their own price', async (_what, cached, cost_usd) => {
    const counts = { input_tokens: 100, output_tokens: 50, ...cached };
    const { vision } = await visionOf(toolCall('report_detections', { detections: [] }, counts));
    const { usage } = await vision.detect(MODEL, TILE, EVERYTHING);
    expect(usage).toEqual({ input_tokens: 1_100, output_tokens: 50, cost_usd: expect.closeTo(cost_usd, 9) });
  });

  const usable: [string, AnthropicReply][] = [
    [
      'after thoughts and words',
      message(
        [
          { type: 'thinking', thinking: 'A {"detections":[]} perhaps.', signature: 's' },
          { type: 'text', text: 'I will report it.' },
          { type: 'tool_use', id: 't', name: 'report_detections', input: { detections: [CAT] } },
        ],
        'tool_use',
      ),
    ],
    [
      'as words without a call',
      message([{ type: 'text', text: `\`\`\`json\n${JSON.stringify({ detections: [CAT] })}\n\`\`\`` }], 'end_turn'),
    ],
    ['whose list is a string', toolCall('report_detections', { detections: JSON.stringify([CAT]) })],
    ['whose input is a string', toolCall('report_detections', JSON.stringify({ detections: [CAT] }))],
    ['with a count that is null', toolCall('report_detections', { detections: [CAT] }, { input_tokens: null as never })],
    [
      'that is cut off after a whole detection',
      message([{ type: 'tool_use', id: 't', name: 'report_detections', input: { detections: [CAT] } }], 'max_tokens'),
    ],
  ];
  test.each(usable)('%s is read', async (_what, reply) => {
    const small: Jpeg = {
      ...TILE,
      width: 60,
      height: 60,
      bytes: new Uint8Array(
        await sharp({ create: { width: 60, height: 60, channels: 3, background: '#777' } })
          .jpeg()
          .toBuffer(),
      ),
    };
    const { vision } = await visionOf(reply);
    const answer = await vision.detect(MODEL, small, EVERYTHING);
    expect(answer.detections).toMatchObject([{ label: 'cat', box: [20, 20, 40, 40] }]);
  });

  it('is repaired once if nothing in it can be used, and all tokens count', async () => {
    const { vision, requests } = await visionOf(message([{ type: 'text', text: ' ' }], 'end_turn'), detections(CAT));
    const answer = await vision.detect(MODEL, TILE, EVERYTHING);
    expect(answer.usage).toMatchObject({ input_tokens: 2_000, output_tokens: 200 });
    const messages = requests[1]?.body.messages ?? [];
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
    expect(messages[1]?.content).toBe('(nothing)');
    expect(messages[2]?.content).toContain('Call the tool "report_detections" exactly once');
  });

  const unusable: [string, AnthropicReply, string, number][] = [
    ['in words', message([{ type: 'text', text: 'A cat.' }], 'end_turn'), 'the answer was invalid twice', 2],
    ['that is empty', message([], 'end_turn'), 'the answer was empty twice', 2],
    ['by another tool', toolCall('report_cats', { cats: [] }), 'the answer was empty twice', 2],
    ['that is refused', message([], 'refusal'), 'the model refused', 1],
    ['that is filtered by an error', refused('Output blocked by content filtering policy'), 'the model refused', 1],
    [
      'about an image that is too large',
      refused('messages.0.content.0.image.source.base64: image exceeds 5 MB maximum: 6206848 bytes > 5242880 bytes'),
      'the image is too large for it',
      1,
    ],
    [
      'about an image with too many pixels',
      refused(
        'messages.0.content.0.image.source.base64.data: At least one of the image dimensions exceed max allowed size: 8000 pixels',
      ),
      'the image is too large for it',
      1,
    ],
    ['about a request that is too large', { status: 413, type: 'request_too_large' }, 'the image is too large for it', 1],
    ['about an unreadable image', refused('Could not process image'), 'its service could not read the image', 1],
    ['that is cut off', message([{ type: 'text', text: 'A' }], 'max_tokens'), 'the answer was cut off at the token limit', 1],
    [
      'that is only thoughts',
      message([{ type: 'thinking', thinking: 'Hm.', signature: 's' }], 'max_tokens'),
      'the model spent all tokens of its answer on reasoning',
      1,
    ],
  ];
  test.each(unusable)('%s fails the tile with that reason', async (_what, reply, reason, asked) => {
    const { vision, requests } = await visionOf(reply);
    const sentence = expect.stringContaining(`No detections from ${MODEL}: ${reason}. `);
    await expect(vision.detect(MODEL, TILE, EVERYTHING)).rejects.toMatchObject({ name: 'AnswerError', message: sentence });
    expect(requests).toHaveLength(asked);
  });

  const noVerdicts: [string, AnthropicReply, string][] = [
    ['a refusal', message([], 'refusal'), 'AnswerError'],
    [
      'a verdict in words',
      message([{ type: 'text', text: '{"verdict":"allowed","category":"none","score":1}' }], 'end_turn'),
      'AnswerError',
    ],
    [
      'a verdict that is cut off',
      message([{ type: 'tool_use', id: 't', name: 'report_verdict', input: { verdict: 'allowed' } }], 'max_tokens'),
      'AnswerError',
    ],
    ['an overloaded service', { status: 529, type: 'overloaded_error' }, 'TransientError'],
  ];
  test.each(noVerdicts)('never allows an image by %s', async (_what, reply, name) => {
    const { vision } = await visionOf(reply);
    await expect(vision.moderate(MODEL, TILE)).rejects.toMatchObject({ name });
  });
});

describe('an error of the service', () => {
  const transient: [string, AnthropicReply, boolean][] = [
    ['429', { status: 429, type: 'rate_limit_error' }, true],
    ['529', { status: 529, type: 'overloaded_error' }, true],
    ['503', { status: 503, type: 'api_error' }, true],
    ['500', { status: 500, type: 'api_error' }, false],
    ['504', { status: 504, type: 'timeout_error' }, false],
    ['408', { status: 408 }, false],
    ['broken JSON', { raw: '{"content": A message of the provider.' }, false],
    ['a page instead of an answer', { raw: '<html>A message of the provider.</html>', type: 'text/html' }, false],
    ['an error under a status of success', { body: { type: 'error', error: { message: 'A message of the provider.' } } }, false],
    ['a connection cut before the head', 'cut before the head', false],
    ['a connection cut within the body', 'cut within the body', false],
  ];
  test.each(transient)('%s is a temporary failure, and is not repeated here', async (_name, reply, throttled) => {
    const { vision, requests } = await visionOf(reply);
    const error = await vision.detect(MODEL, TILE, EVERYTHING).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'TransientError', throttled, cause: expect.any(Error) });
    expect(String(error)).toMatch(/^TransientError: The model anthropic:claude-sonnet-5 [^.]+\. (Try again|Check)[^.]*\.$/);
    expect(String(error)).not.toContain('message of the provider');
    expect(requests).toHaveLength(1);
  });

  const fixed: [string, AnthropicReply, RegExp][] = [
    ['401', { status: 401, type: 'authentication_error' }, /Set ANTHROPIC_API_KEY/],
    ['402', { status: 402, type: 'billing_error' }, /no credit left/],
    ['403', { status: 403, type: 'permission_error' }, /workspace behind ANTHROPIC_API_KEY/],
    ['404', { status: 404, type: 'not_found_error' }, /does not exist\. Check the model id/],
    ['400', UNEXPLAINED, /accepts images and tools/],
    ['400 without money', refused('Your credit balance is too low to access the Anthropic API.'), /no credit left/],
    [
      '400 beyond the limit of the month',
      refused('You have reached your specified API usage limits.'),
      /spend limit of the account/,
    ],
    ['429 beyond the limit of the tier', { status: 429, code: 'enforced_spend_limit_reached' }, /spend limit of the account/],
    [
      '400 for its length',
      refused('prompt is too long: 210000 tokens > 200000 maximum'),
      /longer than its context\. Choose a smaller/,
    ],
    ['418', { status: 418 }, /Check ANTHROPIC_BASE_URL/],
  ];
  test.each(fixed)('%s ends the execution with what fixes it', async (_name, reply, fix) => {
    const { vision, requests } = await visionOf(reply);
    const error = await vision.detect(MODEL, TILE, EVERYTHING).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'UserError', message: expect.stringMatching(fix), cause: expect.any(Error) });
    expect(error).toHaveProperty('usedUp', /no credit|spend limit/.test(fix.source));
    expect(String(error)).not.toMatch(/message of the provider|credit balance/);
    expect(requests).toHaveLength(reply === UNEXPLAINED ? 2 : 1);
  });

  it('of one image, in words that do not say why, is the failure of that tile if another image is accepted', async () => {
    const { vision } = await visionOf(UNEXPLAINED, detections());
    const answer = vision.detect(MODEL, TILE, EVERYTHING);
    await expect(answer).rejects.toMatchObject({
      name: 'AnswerError',
      message: expect.stringContaining('accepted a plain image'),
    });
  });

  test.each(['before the head', 'within the body'] as const)('silence %s ends at the timeout of the call', async (hang) => {
    const { baseUrl } = await anthropicServer({ hang });
    const slow = anthropicVision({ baseUrl, apiKey: 'sk-ant-fake', timeoutMs: 300 }).detect(MODEL, TILE, EVERYTHING);
    await expect(slow).rejects.toMatchObject({ name: 'TransientError', throttled: false });
  });

  it('is transient if no server listens', async () => {
    const baseUrl = `http://127.0.0.1:${await closedPort()}`;
    const elsewhere = anthropicVision({ baseUrl, apiKey: 'sk-ant-fake' }).detect(MODEL, TILE, EVERYTHING);
    await expect(elsewhere).rejects.toMatchObject({ name: 'TransientError', message: expect.stringContaining('did not answer') });
  });
});

describe('a setting that a model refuses', () => {
  /** The sentences of the service, word by word. */
  const TEMPERATURE = '`temperature` is deprecated for this model.';
  const THINKING =
    '"thinking.type.disabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.';
  const FORCED = 'tool_choice: type "tool" and "any" are not supported for this model.';

  const BETWEEN_TOOLS = THINKING.replace('disabled', 'between_tools');

  it('is left out from then on, and a model that always thinks gets little effort and more tokens', async () => {
    const { vision, requests } = await visionOf(({ body }) => {
      if (body.thinking) return refused(body.thinking.type === 'disabled' ? THINKING : BETWEEN_TOOLS);
      if (body.tool_choice) return refused(FORCED);
      return body.temperature === undefined ? detections(CAT) : refused(TEMPERATURE);
    });
    const { detections: found, notes } = await vision.detect(MODEL, TILE, EVERYTHING);
    expect(found).toHaveLength(1);
    expect(notes).toEqual([
      `${MODEL} refuses to turn thinking off; it is asked not to think before its answer.`,
      `${MODEL} refuses to answer without thinking; its thoughts cost output tokens.`,
      `${MODEL} refuses to be forced to call a tool; an answer may need a repair.`,
      `${MODEL} refuses a temperature of 0; its answers may differ from run to run.`,
    ]);
    expect(requests).toHaveLength(5);
    await vision.detect(MODEL, TILE, EVERYTHING);
    expect(requests).toHaveLength(6);
    expect(requests[5]?.body).toMatchObject({ max_tokens: 12_288, output_config: { effort: 'low' } });
    for (const setting of ['temperature', 'thinking', 'tool_choice']) expect(requests[5]?.body).not.toHaveProperty(setting);
  });

  it('may be thinking that is disabled, where a model accepts not to think before its answer', async () => {
    const { vision, requests } = await visionOf(({ body }) =>
      body.thinking?.type === 'disabled' ? refused(THINKING) : detections(CAT),
    );
    await vision.detect(MODEL, TILE, EVERYTHING);
    expect(requests[1]?.body).toMatchObject({ max_tokens: 4_096, thinking: { type: 'between_tools' } });
  });

  it('may be the prompt cache, on servers that do not know it', async () => {
    const { vision, requests } = await visionOf(({ body }) =>
      body.system[0]?.cache_control ? refused('system.0.cache_control: Extra inputs are not permitted') : detections(CAT),
    );
    expect((await vision.detect(MODEL, TILE, EVERYTHING)).detections).toHaveLength(1);
    expect(requests).toHaveLength(2);
  });

  it('may be the length of an answer', async () => {
    const { vision, requests } = await visionOf(({ body }) =>
      body.max_tokens > 2_048
        ? refused(`max_tokens: ${body.max_tokens} > 2048, which is the maximum allowed number of output tokens`)
        : detections(CAT),
    );
    expect((await vision.detect(MODEL, TILE, EVERYTHING)).detections).toHaveLength(1);
    expect(requests.map(({ body }) => body.max_tokens)).toEqual([4_096, 2_048]);
  });

  it('may be the effort, on servers that do not know it', async () => {
    const { vision, requests } = await visionOf(({ body }) => {
      if (body.thinking) return refused('thinking: Extra inputs are not permitted');
      return body.output_config ? refused('output_config: Extra inputs are not permitted') : detections(CAT);
    });
    expect((await vision.detect(MODEL, TILE, EVERYTHING)).detections).toHaveLength(1);
    expect(requests).toHaveLength(4);
    expect(requests[3]?.body).toMatchObject({ temperature: 0, tool_choice: { type: 'tool' } });
  });
});
