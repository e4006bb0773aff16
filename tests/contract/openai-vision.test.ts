// Models of OpenAI-compatible servers through the Vision port: the official client against the wire format on loopback.
// How answers are read is the same for every language model and tested in bedrock-vision.test.ts.
import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import type { SummaryMaterial, Vision } from '../../pipeline/ports.ts';
import { costOf } from '../../pipeline/providers/prices.ts';
import { openaiVision } from '../../pipeline/vision/llm/openai-vision.ts';
import { CAT, EVERYTHING, TILE } from '../support/cat-tile.ts';
import { closedPort } from '../support/closed-port.ts';
import { type ChatRequest, type CompletionParts, completion, type OpenaiReply, openaiServer } from '../support/openai-server.ts';

const MODEL = 'openai:qwen3-vl:8b';

const said = (form: object, parts: CompletionParts = {}): OpenaiReply => completion({ content: JSON.stringify(form), ...parts });
const detections = (...seen: object[]): OpenaiReply => said({ detections: seen });

/** Variables that the package would read on its own. */
beforeEach(() => {
  vi.stubEnv('OPENAI_API_KEY', 'from-the-environment');
  vi.stubEnv('OPENAI_BASE_URL', 'http://127.0.0.1:9/from-the-environment');
});
afterEach(() => vi.unstubAllEnvs());

async function visionOf(...script: Parameters<typeof openaiServer>): Promise<{ vision: Vision; requests: ChatRequest[] }> {
  const { baseUrl, requests } = await openaiServer(...script);
  return { vision: openaiVision({ baseUrl, apiKey: 'sk-fake-for-tests', timeoutMs: 20_000 }), requests };
}

describe('openaiVision asks', () => {
  it('with the image as a data URL before the words, the form as a strict schema, and temperature 0', async () => {
    const { vision, requests } = await visionOf(detections());
    await vision.detect(MODEL, TILE, { look_for: 'cats', labels: [] });
    const [{ body, headers }] = requests as [ChatRequest];
    expect(headers.authorization).toBe('Bearer sk-fake-for-tests');
    expect(body).toMatchObject({ model: 'qwen3-vl:8b', temperature: 0, max_tokens: 4_096 });
    expect(body.messages.map(({ role }) => role)).toEqual(['system', 'user']);
    expect(body.messages[1]?.content).toEqual([
      {
        type: 'image_url',
        image_url: { url: `data:image/jpeg;base64,${Buffer.from(TILE.bytes).toString('base64')}`, detail: 'high' },
      },
      { type: 'text', text: expect.stringContaining('"look_for":"cats"') },
    ]);
    expect(body.response_format).toMatchObject({ type: 'json_schema', json_schema: { name: 'report_detections', strict: true } });
  });

  it('with schemas that strict mode accepts: closed objects, every field required, no bounds', async () => {
    const { vision, requests } = await visionOf(completion({ content: null, refusal: 'no' }));
    const overview = async () => TILE;
    const tiles = { total: 1, done: 1, blank: 0, failed: 0, not_analyzed: 0 };
    const material: SummaryMaterial = { ask: EVERYTHING, image: { width: 1, height: 1 }, findings: [], tiles, overview };
    const finding = { label: 'cat', description: 'a cat', score: 0.3, severity: 'info' as const, text: null };
    await Promise.allSettled([
      vision.detect(MODEL, TILE, EVERYTHING),
      vision.moderate(MODEL, TILE),
      vision.verify(MODEL, TILE, { ask: EVERYTHING, finding, boxInCrop: [1, 1, 9, 9] }),
      vision.summarize(MODEL, material),
    ]);
    expect(requests).toHaveLength(4);
    for (const { body } of requests) expectStrict(body.response_format.json_schema.schema);
  });

  it('a local server without a key, and OpenAI itself only with one', async () => {
    const { baseUrl, requests } = await openaiServer(detections());
    await openaiVision({ baseUrl, apiKey: null }).detect(MODEL, TILE, EVERYTHING);
    expect(requests[0]?.headers.authorization).toBe('Bearer none');
    const nowhere = openaiVision({ baseUrl: null, apiKey: null }).detect(MODEL, TILE, EVERYTHING);
    await expect(nowhere).rejects.toMatchObject({ name: 'UserError', message: expect.stringContaining('OPENAI_API_KEY') });
  });
});

describe('an answer', () => {
  it('contains detections in pixels, with the cost of the tokens that the server counted', async () => {
    const cost_usd = costOf(MODEL, { input_tokens: 1_000, output_tokens: 100 });
    const { vision } = await visionOf(detections(CAT, { ...CAT, right: 1_500 }));
    expect(await vision.detect(MODEL, TILE, EVERYTHING)).toEqual({
      detections: [
        { label: 'cat', description: 'a cat', score: 0.9, severity: 'info', text: null, box: [20, 20, 40, 50] },
        expect.objectContaining({ box: [20, 20, 180, 50] }),
      ],
      clipped: 1,
      unreadable: 0,
      usage: { input_tokens: 1_000, output_tokens: 100, cost_usd },
      notes: cost_usd === null ? [`The price of ${MODEL} is unknown: its tokens are counted, but not their cost.`] : [],
    });
  });

  it('may be fenced as a whole, and lack a count of tokens', async () => {
    const content = '```json\n{"detections":[]}\n```\n';
    const { vision } = await visionOf(completion({ content, usage: null }));
    const note = `The server of ${MODEL} does not count tokens: its tokens and its cost are unknown.`;
    const usage = { input_tokens: 0, output_tokens: 0, cost_usd: null };
    expect(await vision.detect(MODEL, TILE, EVERYTHING)).toMatchObject({ detections: [], usage, notes: [note] });
  });

  it('is repaired once if nothing in it can be used, and all tokens count', async () => {
    const { left: _left, ...boxless } = CAT;
    const { vision, requests } = await visionOf(detections(boxless), detections(CAT));
    const answer = await vision.detect(MODEL, TILE, EVERYTHING);
    expect(answer.usage).toMatchObject({ input_tokens: 2_000, output_tokens: 200 });
    const messages = requests[1]?.body.messages ?? [];
    expect(messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user']);
    expect(messages[2]?.content).toContain('"right":300');
    expect(messages[3]?.content).toContain('None of the detections (1) has both a label and a box');
  });

  const unusable: [string, OpenaiReply, string, number][] = [
    ['in words', completion({ content: 'A cat.' }), 'the answer was invalid twice', 2],
    ['of another form', said({ things: [] }), 'the answer was invalid twice', 2],
    ['that is empty', completion({ content: '' }), 'the answer was empty twice', 2],
    ['that is null', completion({ content: null }), 'the answer was empty twice', 2],
    ['that is refused', completion({ refusal: 'I cannot.' }), 'the model refused', 1],
    ['that is filtered', said({ detections: [] }, { finish_reason: 'content_filter' }), 'the model refused', 1],
    ['that is filtered by an error', { status: 400, code: 'content_filter' }, 'the model refused', 1],
    [
      'that is flagged by a gateway',
      { status: 403, message: 'Your chosen model requires moderation and your input was flagged.' },
      'the model refused',
      1,
    ],
    ['that a service inspects and refuses', { status: 400, code: 'data_inspection_failed' }, 'the model refused', 1],
    ['about an image that is too large', { status: 413 }, 'the image is too large for it', 1],
    [
      'about an image that is too large, by its code',
      { status: 400, code: 'image_too_large' },
      'the image is too large for it',
      1,
    ],
    [
      'about an unreadable image, by its words',
      { status: 400, message: 'You uploaded an unsupported image. Please make sure your image is valid.' },
      'its service could not read the image',
      1,
    ],
    ['that is cut off', said({ detections: [] }, { finish_reason: 'length' }), 'the answer was cut off at the token limit', 1],
  ];
  test.each(unusable)('%s fails the tile with that reason', async (_what, reply, reason, asked) => {
    const { vision, requests } = await visionOf(reply);
    const message = expect.stringContaining(`No detections from ${MODEL}: ${reason}. `);
    await expect(vision.detect(MODEL, TILE, EVERYTHING)).rejects.toMatchObject({ name: 'AnswerError', message });
    expect(requests).toHaveLength(asked);
  });

  const noVerdicts: [string, OpenaiReply, string][] = [
    ['a refusal', completion({ refusal: 'I cannot.' }), 'AnswerError'],
    [
      'a verdict within words',
      completion({ content: 'The sign says {"verdict":"allowed","category":"none","score":1}' }),
      'AnswerError',
    ],
    [
      'a filtered verdict',
      said({ verdict: 'allowed', category: 'none', score: 1 }, { finish_reason: 'content_filter' }),
      'AnswerError',
    ],
    ['an empty answer', completion({ content: '' }), 'AnswerError'],
    ['a fault', { status: 503 }, 'TransientError'],
  ];
  test.each(noVerdicts)('never allows an image by %s', async (_what, reply, name) => {
    const { vision } = await visionOf(reply);
    await expect(vision.moderate(MODEL, TILE)).rejects.toMatchObject({ name });
  });
});

describe('an error of the server', () => {
  const transient: [string, OpenaiReply, boolean][] = [
    ['429', { status: 429, code: 'rate_limit_exceeded' }, true],
    ['500', { status: 500 }, false],
    ['503', { status: 503 }, true],
    ['529', { status: 529 }, true],
    ['408', { status: 408 }, false],
    ['broken JSON', { raw: '{"choices": A message of the provider.' }, false],
    ['a page instead of an answer', { raw: '<html>A message of the provider.</html>', type: 'text/html' }, false],
    ['an error under a status of success', { body: { error: { message: 'A message of the provider.', code: 502 } } }, false],
    ['a connection cut before the head', 'cut before the head', false],
    ['a connection cut within the body', 'cut within the body', false],
  ];
  test.each(transient)('%s is a temporary failure, and is not repeated here', async (_name, reply, throttled) => {
    const { vision, requests } = await visionOf(reply);
    const error = await vision.detect(MODEL, TILE, EVERYTHING).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'TransientError', throttled, cause: expect.any(Error) });
    expect(String(error)).toMatch(/^TransientError: The model openai:qwen3-vl:8b [^.]+\. (Try again|Check)[^.]*\.$/);
    expect(String(error)).not.toContain('message of the provider');
    expect(requests).toHaveLength(1);
  });

  const fixed: [string, OpenaiReply, RegExp][] = [
    ['401', { status: 401, code: 'invalid_api_key' }, /Set OPENAI_API_KEY/],
    ['403', { status: 403 }, /OPENAI_API_KEY use it/],
    ['404', { status: 404, code: 'model_not_found' }, /Check the model id and OPENAI_BASE_URL/],
    ['400', { status: 400 }, /accepts images and a JSON schema/],
    ['422', { status: 422 }, /accepts images and a JSON schema/],
    ['429 without money', { status: 429, code: 'insufficient_quota' }, /Check the account/],
    [
      '400 for its length, by code',
      { status: 400, code: 'context_length_exceeded' },
      /longer than its context\. Choose a smaller/,
    ],
    [
      '400 for its length, by words',
      { status: 400, message: 'the request exceeds the available context size, try increasing it' },
      /longer than its context\. Choose a smaller/,
    ],
    [
      '429 for the rest of the day, by another name',
      { status: 429, message: 'Quota exceeded for quota metric GenerateRequestsPerDayPerProjectPerModel' },
      /the quota of the day is used up\./,
    ],
    ['400 without money', { status: 400, code: 'billing_hard_limit_reached' }, /Check the account/],
    [
      '429 for the rest of the day',
      { status: 429, code: 'rate_limit_exceeded', message: 'Rate limit reached on tokens per day (TPD).' },
      /the quota of the day is used up\. Try again tomorrow, or ask for a higher quota\./,
    ],
    [
      '400 of a model without vision',
      { status: 400, message: 'image input is not supported - hint: you may need to provide the mmproj' },
      /the server has loaded it without its vision part\. Load the mmproj file/,
    ],
    ['418', { status: 418 }, /Check OPENAI_BASE_URL/],
  ];
  test.each(fixed)('%s ends the execution with what fixes it', async (_name, reply, fix) => {
    const { vision } = await visionOf(reply);
    const error = await vision.detect(MODEL, TILE, EVERYTHING).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'UserError', message: expect.stringMatching(fix), cause: expect.any(Error) });
    expect(error).toHaveProperty('usedUp', /the day|Check the account/.test(fix.source));
    expect(String(error)).not.toContain('message of the provider');
  });

  test.each(['before the head', 'within the body'] as const)('silence %s ends at the timeout of the call', async (hang) => {
    const { baseUrl } = await openaiServer({ hang });
    const slow = openaiVision({ baseUrl, apiKey: null, timeoutMs: 300 }).detect(MODEL, TILE, EVERYTHING);
    await expect(slow).rejects.toMatchObject({ name: 'TransientError', throttled: false });
  });

  it('is transient if no server listens', async () => {
    const baseUrl = `http://127.0.0.1:${await closedPort()}/v1`;
    const elsewhere = openaiVision({ baseUrl, apiKey: null }).detect(MODEL, TILE, EVERYTHING);
    await expect(elsewhere).rejects.toMatchObject({
      name: 'TransientError',
      message: `The model ${MODEL} cannot be reached. Check that the server of OPENAI_BASE_URL runs, and that its address is right.`,
    });
  });
});

describe('a setting that a model refuses', () => {
  it('is omitted or renamed from then on, as reasoning models need it', async () => {
    const { vision, requests } = await visionOf(({ body }) => {
      const unsupported = (param: string, message: string) => ({ status: 400, code: 'unsupported_parameter', param, message });
      if ('max_tokens' in body) {
        return unsupported('max_tokens', "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.");
      }
      return 'temperature' in body ? unsupported('temperature', 'Only the default (1) is supported.') : detections(CAT);
    });
    expect((await vision.detect(MODEL, TILE, EVERYTHING)).detections).toHaveLength(1);
    expect(requests).toHaveLength(3);
    await vision.detect(MODEL, TILE, EVERYTHING);
    expect(requests).toHaveLength(4);
    expect(requests[3]?.body).toMatchObject({ max_completion_tokens: 4_096 });
    expect(requests[3]?.body).not.toHaveProperty('max_tokens');
    expect(requests[3]?.body).not.toHaveProperty('temperature');
  });

  it('is noted by a moderation, too', async () => {
    const { vision } = await visionOf(({ body }) =>
      'temperature' in body
        ? { status: 400, code: 'unsupported_value', param: 'temperature', message: 'Only the default (1) is supported.' }
        : said({ verdict: 'allowed', category: 'none', score: 1 }),
    );
    const { allowed, notes } = await vision.moderate(MODEL, TILE);
    expect([allowed, notes]).toEqual([true, [`${MODEL} refuses a temperature of 0; its answers may differ from run to run.`]]);
  });

  it.each([
    ['a verification', 'verify', { verdict: 'confirmed' }],
    ['a judge', 'judge', { judgements: [{ claim: 1, verdict: 'confirmed' }] }],
    ['a summary', 'summarize', { summary: 'One cat.' }],
  ] as const)('is noted by %s, too', async (_, question, form) => {
    const { vision } = await visionOf(({ body }) =>
      'temperature' in body
        ? { status: 400, code: 'unsupported_value', param: 'temperature', message: 'Only the default (1) is supported.' }
        : said(form),
    );
    const finding = { label: 'cat', description: 'a cat', score: 0.3, severity: 'info' as const, text: null };
    const claim = { finding, boxInCrop: [1, 1, 9, 9] as [number, number, number, number], reportedBy: 1 };
    const tiles = { total: 1, done: 1, blank: 0, failed: 0, not_analyzed: 0 };
    const answers = {
      verify: () => vision.verify(MODEL, TILE, { ask: EVERYTHING, ...claim }),
      judge: () => vision.judge?.(MODEL, TILE, { ask: EVERYTHING, models: 2, claims: [claim] }),
      summarize: () =>
        vision.summarize(MODEL, {
          ask: EVERYTHING,
          image: { width: 1, height: 1 },
          findings: [],
          tiles,
          overview: async () => TILE,
        }),
    };
    const answer = await answers[question]();
    expect(answer?.notes).toEqual([`${MODEL} refuses a temperature of 0; its answers may differ from run to run.`]);
  });
});

function expectStrict(schema: object): void {
  expect(JSON.stringify(schema)).not.toMatch(/"(\$schema|minimum|maximum|min\w+|max\w+|pattern|anyOf|oneOf)":/);
  const closed = (part: unknown): void => {
    if (typeof part !== 'object' || part === null) return;
    if ('properties' in part) {
      expect(part).toMatchObject({ additionalProperties: false, required: Object.keys(part.properties as object) });
    }
    for (const inner of Object.values(part)) closed(inner);
  };
  closed(schema);
  expect(schema).toMatchObject({ type: 'object' });
}
