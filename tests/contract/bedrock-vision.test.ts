// Models on Bedrock through the Vision port: the real SDK against Converse's wire format on loopback.
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import type { Finding } from '../../pipeline/contract/schemas.ts';
import type { SummaryMaterial, VerificationQuestion, Vision } from '../../pipeline/ports.ts';
import { costOf } from '../../pipeline/providers/prices.ts';
import { bedrockVision } from '../../pipeline/vision/llm/bedrock-vision.ts';
import { DETECTIONS_MAX } from '../../pipeline/vision/prompts/detect-prompt.ts';
import { fakeCredentials } from '../support/aws-credentials.ts';
import { answer, type BedrockReply, bedrockServer, type ConverseRequest, toolUse } from '../support/bedrock-server.ts';
import { CAT, EVERYTHING, TILE } from '../support/cat-tile.ts';
import { closedPort } from '../support/closed-port.ts';

const MODEL = 'bedrock:us.amazon.nova-lite-v1:0';
const UNPRICED = 'bedrock:example.unpriced-v1:0';
const TASK: VerificationQuestion = {
  ask: EVERYTHING,
  finding: { label: 'cat', description: 'a cat', score: 0.3, severity: 'info', text: null },
  boxInCrop: [20, 20, 40, 50],
};
const FAULTS = { message: 'A message of the provider.' };

const detections = (...seen: object[]): BedrockReply => toolUse('report_detections', { detections: seen });
const verdict = (input: object): BedrockReply => toolUse('report_verdict', input);
const text = (words: string, stopReason = 'end_turn'): BedrockReply => answer(words === '' ? [] : [{ text: words }], stopReason);

beforeEach(fakeCredentials);
afterEach(() => vi.unstubAllEnvs());

async function visionOf(...script: Parameters<typeof bedrockServer>): Promise<{ vision: Vision; requests: ConverseRequest[] }> {
  const { endpoint, requests } = await bedrockServer(...script);
  return { vision: bedrockVision({ endpoint, timeoutMs: 20_000 }), requests };
}

async function detected(reply: BedrockReply, ask = EVERYTHING) {
  const { vision } = await visionOf(reply);
  return await vision.detect(MODEL, TILE, ask);
}

function summaryMaterial(): SummaryMaterial {
  const finding: Finding = { ...TASK.finding, id: 'f1', box: [1, 2, 3, 4], level: 0, tiles: [1], verified: null };
  const tiles = { total: 96, done: 93, blank: 0, failed: 3, not_analyzed: 0 };
  return { ask: EVERYTHING, image: { width: 6_000, height: 4_000 }, findings: [finding], tiles, overview: async () => TILE };
}

describe('bedrockVision asks', () => {
  it('with the unchanged image before the words, the form as a forced tool, and temperature 0', async () => {
    const { vision, requests } = await visionOf(detections());
    await vision.detect(MODEL, TILE, { look_for: 'cats', labels: [] });
    const [{ model, body, headers }] = requests as [ConverseRequest];
    expect(model).toBe('us.amazon.nova-lite-v1:0');
    expect(headers.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIAFAKEFORTESTS/);
    expect(headers['user-agent']).not.toMatch(/ m\/([A-Za-z],)*F[, ]?/); // how the SDK marks its adaptive retry mode: there is one brake, and it is ours
    const [image, words] = body.messages[0]?.content ?? [];
    expect(image?.image?.format).toBe('jpeg');
    expect(Buffer.from(image?.image?.source.bytes ?? '', 'base64')).toEqual(Buffer.from(TILE.bytes));
    expect(words?.text).toContain('"look_for":"cats"');
    expect(body.system[0]?.text).toContain('from 0 to 1000');
    expect(body.inferenceConfig).toEqual({ maxTokens: 4_096, temperature: 0 });
    expect(body.toolConfig.toolChoice).toEqual({ tool: { name: 'report_detections' } });
  });

  it('with a schema of only types, fields and descriptions, which every model on Bedrock accepts', async () => {
    const { vision, requests } = await visionOf(detections());
    await vision.detect(MODEL, TILE, EVERYTHING);
    const schema = requests[0]?.body.toolConfig.tools[0]?.toolSpec.inputSchema.json ?? {};
    expect(Object.keys(schema).sort()).toEqual(['properties', 'required', 'type']);
    expect(JSON.stringify(schema)).not.toMatch(/additionalProperties|\$|minimum|maximum|Length|Items|anyOf|null/);
    expect(schema).toMatchObject({ properties: { detections: { items: { required: Object.keys(CAT) } } } });
  });
});

describe('detections', () => {
  it('are converted from the scale of 1000 to pixels of the tile', async () => {
    const { detections: seen, clipped, notes } = await detected(detections(CAT, { ...CAT, label: 'sign', text: 'EXIT' }));
    expect(seen).toEqual([
      { label: 'cat', description: 'a cat', score: 0.9, severity: 'info', text: null, box: [20, 20, 40, 50] },
      expect.objectContaining({ label: 'sign', text: 'EXIT' }),
    ]);
    expect({ clipped, notes }).toEqual({ clipped: 0, notes: [] });
  });

  it('may be empty', async () => {
    expect(await detected(detections())).toMatchObject({ detections: [], clipped: 0, notes: [] });
  });

  it('are clipped to the tile, and counted', async () => {
    const answer = await detected(detections({ ...CAT, left: -50, bottom: 1_200 }, CAT));
    expect(answer.detections.map(({ box }) => box)).toEqual([
      [0, 20, 60, 80],
      [20, 20, 40, 50],
    ]);
    expect(answer.clipped).toBe(1);
  });

  it('are left out and counted if their box has no area, or lies outside', async () => {
    const none = { ...CAT, right: CAT.left };
    const turned = { ...CAT, top: 700, bottom: 200 };
    const outside = { ...CAT, left: 1_100, right: 1_200 };
    const nowhere = { ...CAT, left: 0, top: 0, right: 0, bottom: 0 };
    expect(await detected(detections(none, turned, outside, nowhere))).toMatchObject({ detections: [], clipped: 4 });
  });

  it('keep a pixel however thin they are', async () => {
    const { detections: seen } = await detected(detections({ ...CAT, left: 501, right: 502, top: 0, bottom: 1_000 }));
    expect(seen[0]?.box).toEqual([100, 0, 1, 100]);
  });

  it('have only requested labels, as the request spells them, and a note mentions further labels', async () => {
    const answer = await detected(detections({ ...CAT, label: ' CAT ' }, { ...CAT, label: 'dog' }), {
      look_for: null,
      labels: ['Cat'],
    });
    expect(answer.detections.map(({ label }) => label)).toEqual(['Cat']);
    expect(answer.notes).toEqual([`${MODEL} also detected objects with labels that were not requested; they are left out.`]);
  });

  it('come with a note if an answer is full', async () => {
    const answer = await detected(detections(...Array.from({ length: DETECTIONS_MAX }, () => CAT)));
    expect(answer.detections).toHaveLength(DETECTIONS_MAX);
    expect(answer.notes).toEqual([expect.stringContaining('there may be more')]);
  });

  it('cost what their tokens cost, and have a note if the price is unknown', async () => {
    const { vision } = await visionOf(
      detections(),
      toolUse('report_detections', { detections: [] }, { inputTokens: 7, outputTokens: 3 }),
    );
    const priced = await vision.detect(MODEL, TILE, EVERYTHING);
    const cost_usd = costOf(MODEL, { input_tokens: 1_000, output_tokens: 100 });
    expect(cost_usd).toBeGreaterThan(0);
    expect(priced.usage).toEqual({ input_tokens: 1_000, output_tokens: 100, cost_usd });
    const unpriced = await vision.detect(UNPRICED, TILE, EVERYTHING);
    expect(unpriced.usage).toEqual({ input_tokens: 7, output_tokens: 3, cost_usd: null });
    expect(unpriced.notes).toContain(`The price of ${UNPRICED} is unknown: its tokens are counted, but not their cost.`);
  });
});

describe('an answer that does not fit the form', () => {
  it('is repaired once if nothing in it can be used, and all tokens count', async () => {
    const { left: _left, ...boxless } = CAT;
    const { vision, requests } = await visionOf(detections(boxless, boxless), detections(CAT));
    const answer = await vision.detect(MODEL, TILE, EVERYTHING);
    expect(answer.detections).toHaveLength(1);
    expect(answer.usage).toMatchObject({ input_tokens: 2_000, output_tokens: 200 });
    const [question, answered, complaint] = requests[1]?.body.messages ?? [];
    expect(question).toEqual(requests[0]?.body.messages[0]);
    expect(answered).toMatchObject({ role: 'assistant', content: [{ text: expect.stringContaining('"right":300') }] });
    expect(complaint?.role).toBe('user');
    expect(complaint?.content[0]?.text).toContain(
      'This answer cannot be used. None of the detections (2) has both a label and a box with four numbers.',
    );
  });

  it('is used as far as its meaning is clear, without another question', async () => {
    const { vision, requests } = await visionOf(detections({ ...CAT, score: 90, severity: 'High' }, { label: 'dog' }));
    const answer = await vision.detect(MODEL, TILE, EVERYTHING);
    expect(answer.detections).toMatchObject([{ label: 'cat', score: 0.9, severity: 'high' }]);
    expect(answer).toMatchObject({ notes: [], unreadable: 1 });
    expect(requests).toHaveLength(1);
  });

  it('in fractions of 1 is converted, and a note says so', async () => {
    const answer = await detected(detections({ ...CAT, left: 0.1, top: 0.2, right: 0.3, bottom: 0.7 }));
    expect(answer.detections).toMatchObject([{ box: [20, 20, 40, 50] }]);
    expect(answer.notes).toEqual([expect.stringContaining('answers with boxes in fractions, not in thousandths as asked')]);
  });

  it('in words that hold the form is used', async () => {
    expect(await detected(text(`Here it is: ${JSON.stringify({ detections: [CAT] })} I hope that helps.`))).toMatchObject({
      detections: [{ label: 'cat', box: [20, 20, 40, 50] }],
    });
  });

  const invalid: [string, BedrockReply, string][] = [
    ['of another form', toolUse('report_detections', { things: [] }), 'invalid'],
    ['in words', text('I see a cat.'), 'invalid'],
    ['of another tool', toolUse('report_verdict', { detections: [] }), 'empty'],
    ['without content', text(''), 'empty'],
    ['without content after a malformed tool use', answer([], 'malformed_tool_use'), 'empty'],
    [
      'as an error on the use of a tool',
      { error: 'ModelErrorException', status: 424, message: 'The model produced an invalid sequence as part of ToolUse.' },
      'empty',
    ],
  ];
  test.each(invalid)('%s: the tile fails after the second attempt, with a reason of ours', async (_what, reply, problem) => {
    const { vision, requests } = await visionOf(reply);
    await expect(vision.detect(MODEL, TILE, EVERYTHING)).rejects.toMatchObject({
      name: 'AnswerError',
      message: `No detections from ${MODEL}: the answer was ${problem} twice. Choose another model, or check that this one accepts images.`,
    });
    expect(requests).toHaveLength(2);
    const texts = requests[1]?.body.messages.flatMap(({ content }) => content.map(({ text: words }) => words)) ?? [];
    expect(texts).not.toContain(''); // Converse refuses an empty text
  });

  it('in two calls is one answer', async () => {
    const call = (id: string, label: string) => ({
      toolUse: { toolUseId: id, name: 'report_detections', input: { detections: [{ ...CAT, label }] } },
    });
    const answered = await detected(answer([call('t1', 'cat'), call('t2', 'dog')], 'tool_use'));
    expect(answered.detections.map(({ label }) => label)).toEqual(['cat', 'dog']);
  });

  const final: [string, string][] = [
    ['content_filtered', 'the model refused. Choose another model for this image.'],
    ['guardrail_intervened', 'the model refused. Choose another model for this image.'],
    ['refusal', 'the model refused. Choose another model for this image.'],
  ];
  test.each(final)('that ends with %s is not repeated, not even if it can be read', async (stopReason, got) => {
    const whole = [{ toolUse: { toolUseId: 't1', name: 'report_detections', input: { detections: [CAT] } } }];
    const { vision, requests } = await visionOf(answer(whole, stopReason));
    const message = `No detections from ${MODEL}: ${got}`;
    await expect(vision.detect(MODEL, TILE, EVERYTHING)).rejects.toMatchObject({ name: 'AnswerError', message });
    expect(requests).toHaveLength(1);
  });

  test.each(['max_tokens', 'model_context_window_exceeded'])(
    'that ends with %s keeps its whole entries, and both halves of the tile are asked',
    async (stopReason) => {
      const bytes = await sharp({ create: { width: 200, height: 100, channels: 3, background: 'white' } })
        .jpeg()
        .toBuffer();
      const cut = answer([{ text: `{"detections":[${JSON.stringify(CAT)},{"label":"dog","left":1` }], stopReason);
      const { vision, requests } = await visionOf(cut, detections(), detections({ ...CAT, label: 'dog', left: 0, right: 500 }));
      const answered = await vision.detect(MODEL, { bytes, width: 200, height: 100 }, EVERYTHING);
      expect(requests).toHaveLength(3);
      expect(answered.detections).toMatchObject([
        { label: 'cat', box: [20, 20, 40, 50] },
        { label: 'dog', box: [87, 20, 57, 50] },
      ]);
      expect(answered.usage).toMatchObject({ input_tokens: 3_000 });
    },
  );

  it.each([
    [0, 1],
    [1_500, 2],
    [2_500, 3],
  ])('that is cut off is followed by calls about its halves up to %i tokens, as the budget allows', async (tokensMax, calls) => {
    const cut = answer([{ text: `{"detections":[${JSON.stringify(CAT)},{"label":"dog","left":1` }], 'max_tokens');
    const { vision, requests } = await visionOf(cut, detections(), detections());
    const bytes = await sharp({ create: { width: 200, height: 100, channels: 3, background: 'white' } })
      .jpeg()
      .toBuffer();
    const tile = { bytes, width: 200, height: 100 };
    const { notes, detections: found } = await vision.detect(
      MODEL,
      tile,
      EVERYTHING,
      ({ input_tokens }) => input_tokens <= tokensMax,
    );
    expect([requests.length, found.length]).toEqual([calls, 1]);
    const isIncomplete = `${MODEL} could not list all objects of a tile in one answer; some may be missing. Use a smaller tile_size.`;
    expect(notes).toEqual(calls === 3 ? [] : [isIncomplete]);
  });

  it('that is cut off before its first entry fails the tile', async () => {
    const { vision, requests } = await visionOf(text('{"detections":[{"label":"dog","left":1', 'max_tokens'));
    const message = `No detections from ${MODEL}: the answer was cut off at the token limit. Choose a smaller tile_size.`;
    await expect(vision.detect(MODEL, TILE, EVERYTHING)).rejects.toMatchObject({ name: 'AnswerError', message });
    expect(requests).toHaveLength(1);
  });

  it('whose tokens went into reasoning fails the tile with what to do', async () => {
    const { vision } = await visionOf(text('', 'max_tokens'));
    const message = `No detections from ${MODEL}: the model spent all tokens of its answer on reasoning. Turn its reasoning down or off, or choose another model.`;
    await expect(vision.detect(MODEL, TILE, EVERYTHING)).rejects.toMatchObject({ name: 'AnswerError', message });
  });
});

describe('an error of the service', () => {
  const transient: [string, BedrockReply, boolean][] = [
    ['ThrottlingException', { error: 'ThrottlingException', status: 429, ...FAULTS }, true],
    ['ModelNotReadyException', { error: 'ModelNotReadyException', status: 429, ...FAULTS }, true],
    ['ModelTimeoutException', { error: 'ModelTimeoutException', status: 408, ...FAULTS }, false],
    ['InternalServerException', { error: 'InternalServerException', status: 500, ...FAULTS }, false],
    ['ServiceUnavailableException', { error: 'ServiceUnavailableException', status: 503, ...FAULTS }, true],
    ['ModelErrorException', { error: 'ModelErrorException', status: 424, ...FAULTS }, false],
    ['ExpiredTokenException', { error: 'ExpiredTokenException', status: 403, ...FAULTS }, false],
    ['a page of a proxy', { raw: '<html>A message of the provider.</html>', status: 502 }, false],
    ['broken JSON', { raw: '{"output": A message of the provider.' }, false],
    ['JSON of something else', { raw: '{"message":"A message of the provider."}' }, false],
    ['a connection cut before the head', 'cut before the head', false],
    ['a connection cut within the body', 'cut within the body', false],
  ];
  test.each(transient)('%s is a temporary failure', async (_name, reply, throttled) => {
    const { vision, requests } = await visionOf(reply);
    const error = await vision.detect(MODEL, TILE, EVERYTHING).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'TransientError', throttled, cause: expect.any(Error) });
    expect(String(error)).toMatch(/^TransientError: The model bedrock:us.amazon.nova-lite-v1:0 [^.]+\. Try again[^.]*\.$/);
    expect(String(error)).not.toContain('message of the provider');
    expect(requests).toHaveLength(1);
  });

  const fixed: [string, number, RegExp][] = [
    ['AccessDeniedException', 403, /Attach bedrock:InvokeModel .* enable the model/],
    ['ResourceNotFoundException', 404, /Check the model id and the region/],
    ['ValidationException', 400, /Check the model id .*inference profile/],
    ['ServiceQuotaExceededException', 400, /Ask for a higher quota/],
    ['UnrecognizedClientException', 403, /Check the AWS credentials/],
    ['InvalidSignatureException', 403, /clock/],
    ['SomethingNewException', 409, /Check the model id and the AWS account/],
  ];
  test.each(fixed)('%s ends the execution with what fixes it', async (error, status, fix) => {
    const { vision, requests } = await visionOf({ error, status, ...FAULTS });
    const thrown = await vision.detect(MODEL, TILE, EVERYTHING).catch((refusal: unknown) => refusal);
    expect(thrown).toMatchObject({ name: 'UserError', message: expect.stringMatching(fix), cause: { name: error, ...FAULTS } });
    expect(String(thrown)).not.toContain('message of the provider');
    const isUnexplained = error === 'ValidationException'; // then it asks without settings, and with a plain image
    expect(requests).toHaveLength(isUnexplained ? 4 : 1);
  });

  const NOT_SUBSCRIBED =
    'Model access is denied due to IAM user or service role is not authorized to perform the required AWS Marketplace actions ' +
    '(aws-marketplace:ViewSubscriptions, aws-marketplace:Subscribe) to enable access to this model.';
  const DENIED =
    'User: arn:aws:sts::111122223333:assumed-role/r/s is not authorized to perform: bedrock:InvokeModel on resource: r';
  const causes: [string, string, number, string, string][] = [
    [
      'a use case form that was not submitted',
      'ResourceNotFoundException',
      404,
      'Model use case details have not been submitted for this account. Fill out the Anthropic use case details form.',
      'the account has not submitted the use case form that its provider asks for. Submit it in the model catalog of the Bedrock console, and try again after 15 minutes.',
    ],
    [
      'a missing Marketplace subscription',
      'AccessDeniedException',
      403,
      NOT_SUBSCRIBED,
      'the account has no AWS Marketplace subscription for it. Let an administrator with aws-marketplace:Subscribe and a valid payment method call it once in the Bedrock console, and try again after 15 minutes.',
    ],
    [
      'a policy of the organization',
      'AccessDeniedException',
      403,
      `${DENIED} with an explicit deny in a service control policy`,
      'a policy of the account or of its organization denies it. Ask their administrator to allow bedrock:InvokeModel, for an inference profile in every region that it routes to.',
    ],
    [
      'a key that may not be used',
      'AccessDeniedException',
      403,
      'User: r is not authorized to perform: kms:Decrypt on resource: k because no identity-based policy allows the kms:Decrypt action',
      'the KMS key that encrypts it may not be used. Allow the role kms:Decrypt on the key, and check that the key is enabled.',
    ],
    [
      'a quota of the day',
      'ThrottlingException',
      429,
      'Too many tokens per day, please wait before trying again.',
      "the account's quota of the day is used up. Try again tomorrow, or ask for a higher quota.",
    ],
    [
      'a model at the end of its life',
      'ResourceNotFoundException',
      404,
      'This model version has reached the end of its life. Please refer to the AWS documentation for more details.',
      'its provider has retired it. Choose another model.',
    ],
    [
      'a model behind profiles only',
      'ValidationException',
      400,
      'Invocation of model ID m with on-demand throughput isn’t supported. Retry your request with an inference profile.',
      'it can be called through an inference profile only. Use the id of one, such as us.amazon.nova-lite-v1:0.',
    ],
    [
      'a prompt that is too long',
      'ValidationException',
      400,
      'Input is too long for requested model.',
      'the request is longer than its context. Choose a smaller tile_size, or a model with a larger context.',
    ],
    [
      'an account that is not enabled',
      'ValidationException',
      400,
      'Operation not allowed',
      'the account may not call models yet. Ask AWS Support to enable Amazon Bedrock for it.',
    ],
    [
      'a model without vision',
      'ValidationException',
      400,
      "This model doesn't support the image content block that you provided.",
      'it does not accept images. Choose a model with vision.',
    ],
  ];
  test.each(causes)('%s has a sentence of its own, and ends the execution', async (_cause, error, status, message, fix) => {
    const { vision, requests } = await visionOf({ error, status, message });
    await expect(vision.detect(MODEL, TILE, EVERYTHING)).rejects.toMatchObject({
      name: 'UserError',
      message: `The model ${MODEL} cannot be used: ${fix}`,
      cause: { name: error, message },
      usedUp: fix.includes('of the day'),
    });
    expect(requests.length).toBeLessThanOrEqual(2);
  });

  const unreadable = 'its service could not read the image. Choose another model.';
  const tooLarge = 'the image is too large for it. Choose a smaller tile_size.';
  const images: [string, string][] = [
    ['Could not process image', unreadable],
    ['Unable to process input image.', unreadable],
    ['The model returned the following errors: The provided image is invalid.', unreadable],
    ['messages.0.content.0.image.source.bytes: image exceeds 5 MB maximum: 7167852 bytes > 5242880 bytes', tooLarge],
    ['image dimensions exceed max allowed size: 8000 pixels', tooLarge],
    ['Output blocked by content filtering policy', 'the model refused. Choose another model for this image.'],
  ];
  test.each(images)('about the image (%s) fails this image only', async (message, got) => {
    const { vision, requests } = await visionOf({ error: 'ValidationException', status: 400, message });
    await expect(vision.detect(MODEL, TILE, EVERYTHING)).rejects.toMatchObject({
      name: 'AnswerError',
      message: `No detections from ${MODEL}: ${got}`,
      cause: { message },
    });
    expect(requests).toHaveLength(1);
  });

  it('is a UserError too if a proxy answers instead', async () => {
    const { vision } = await visionOf({ raw: '<html>A message of the provider.</html>', status: 403 });
    const sentence = `The model ${MODEL} cannot be used: the request was refused. Check the model id and the AWS account.`;
    await expect(vision.detect(MODEL, TILE, EVERYTHING)).rejects.toMatchObject({ name: 'UserError', message: sentence });
  });

  test.each(['before the head', 'within the body'] as const)('silence %s ends at the timeout of the call', async (hang) => {
    const { endpoint } = await bedrockServer({ hang });
    const slow = bedrockVision({ endpoint, timeoutMs: 300 }).detect(MODEL, TILE, EVERYTHING);
    await expect(slow).rejects.toMatchObject({ name: 'TransientError', throttled: false });
  });

  it('is transient if nothing listens', async () => {
    const nowhere = bedrockVision({ endpoint: `http://127.0.0.1:${await closedPort()}` }).detect(MODEL, TILE, EVERYTHING);
    await expect(nowhere).rejects.toMatchObject({ name: 'TransientError', cause: expect.any(Error) });
  });

  it('is not repeated by the SDK: the gate and the step of the tile decide when to call again', async () => {
    const { vision, requests } = await visionOf({ error: 'ServiceUnavailableException', status: 503 }, detections(CAT));
    await expect(vision.detect(MODEL, TILE, EVERYTHING)).rejects.toMatchObject({ name: 'TransientError', throttled: true });
    expect(requests).toHaveLength(1);
    expect((await vision.detect(MODEL, TILE, EVERYTHING)).detections).toHaveLength(1);
    expect(requests).toHaveLength(2);
  });

  it('is a UserError that names the variable if there is no region or are no credentials', async () => {
    const nowhere = {
      AWS_CONFIG_FILE: '/nonexistent',
      AWS_SHARED_CREDENTIALS_FILE: '/nonexistent',
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    for (const [name, value] of Object.entries(nowhere)) vi.stubEnv(name, value);
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    const { vision, requests } = await visionOf(detections());
    const withoutKeys = vision.detect(MODEL, TILE, EVERYTHING);
    await expect(withoutKeys).rejects.toMatchObject({ name: 'UserError', message: expect.stringContaining('Set AWS_PROFILE') });
    vi.stubEnv('AWS_REGION', undefined);
    const withoutRegion = bedrockVision().detect(MODEL, TILE, EVERYTHING);
    await expect(withoutRegion).rejects.toMatchObject({ name: 'UserError', message: expect.stringContaining('Set AWS_REGION') });
    expect(requests).toHaveLength(0);
  });
});

describe('a setting that a model refuses', () => {
  const refusing = (message: string, isRefused: (request: ConverseRequest) => boolean) => (request: ConverseRequest) =>
    isRefused(request) ? ({ error: 'ValidationException', status: 400, message } as const) : detections(CAT);

  it('is omitted from then on: temperature', async () => {
    const refuse = refusing('`temperature` is deprecated for this model.', ({ body }) => 'temperature' in body.inferenceConfig);
    const { vision, requests } = await visionOf(refuse);
    const both = await Promise.all([vision.detect(MODEL, TILE, EVERYTHING), vision.detect(MODEL, TILE, EVERYTHING)]);
    expect(both.map((answer) => answer.detections.length)).toEqual([1, 1]);
    const before = requests.length;
    await vision.detect(MODEL, TILE, EVERYTHING);
    expect(requests.length - before).toBe(1);
    expect(requests.at(-1)?.body.inferenceConfig).toEqual({ maxTokens: 4_096 });
  });

  it('is omitted from then on: the forced tool', async () => {
    const refuse = refusing(
      'toolConfig.toolChoice.tool is not supported by this model.',
      ({ body }) => 'toolChoice' in body.toolConfig,
    );
    const { vision, requests } = await visionOf(refuse);
    expect((await vision.detect(MODEL, TILE, EVERYTHING)).detections).toHaveLength(1);
    expect(requests.at(-1)?.body.toolConfig).toEqual({ tools: [expect.anything()] });
  });

  it('is thinking that is turned off, of Claude models that think unless they are asked not to', async () => {
    const claude = 'bedrock:us.anthropic.claude-opus-5-5';
    const { vision, requests } = await visionOf(({ body }) => {
      const thinking = body.additionalModelRequestFields?.thinking;
      if (!thinking) return detections();
      const message = `The model returned the following errors: "thinking.type.${thinking.type}" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.`;
      return { error: 'ValidationException', status: 400, message };
    });
    const { notes } = await vision.detect(claude, TILE, EVERYTHING);
    expect(notes).toEqual([
      `${claude} refuses to turn thinking off; it is asked not to think before its answer.`,
      `${claude} refuses to answer without thinking; its thoughts cost output tokens.`,
    ]);
    expect(requests.map(({ body }) => body.additionalModelRequestFields)).toEqual([
      { thinking: { type: 'disabled' } },
      { thinking: { type: 'between_tools' } },
      { output_config: { effort: 'low' } },
    ]);
    expect(requests.map(({ body }) => body.inferenceConfig.maxTokens)).toEqual([4_096, 4_096, 12_288]);
  });

  it('is not thinking, of models that do not think by themselves', async () => {
    const { vision, requests } = await visionOf(detections());
    await vision.detect('bedrock:us.anthropic.claude-haiku-4-5-20251001-v1:0', TILE, EVERYTHING);
    await vision.detect(MODEL, TILE, EVERYTHING);
    for (const { body } of requests) expect(body).not.toHaveProperty('additionalModelRequestFields');
    expect(requests).toHaveLength(2);
  });

  it('that is refused although it was omitted is a UserError', async () => {
    const { vision, requests } = await visionOf({ error: 'ValidationException', status: 400, message: 'temperature' });
    await expect(vision.detect(MODEL, TILE, EVERYTHING)).rejects.toMatchObject({ name: 'UserError' });
    expect(requests.map(({ body }) => 'temperature' in body.inferenceConfig)).toEqual([
      true,
      ...[false, false], // without it, and without any setting
      ...[false, false], // the same with a plain image
    ]);
  });
});

describe('moderation', () => {
  it('allows or blocks by a valid verdict', async () => {
    const { vision } = await visionOf(
      verdict({ verdict: 'allowed', category: 'none', score: 0.9 }),
      verdict({ verdict: 'blocked', category: 'gore', score: 0.8 }),
    );
    expect(await vision.moderate(MODEL, TILE)).toMatchObject({ allowed: true, usage: { input_tokens: 1_000 } });
    expect(await vision.moderate(MODEL, TILE)).toMatchObject({ allowed: false, category: 'gore', score: 0.8 });
  });

  const noVerdicts: [string, BedrockReply, string][] = [
    ['a refusal', text('I cannot analyze that.', 'content_filtered'), 'AnswerError'],
    ['words', text('{"verdict":"allowed","category":"none","score":1}'), 'AnswerError'],
    [
      'a cut answer',
      answer(
        [{ toolUse: { toolUseId: 't1', name: 'report_verdict', input: { verdict: 'allowed', category: 'none', score: 1 } } }],
        'max_tokens',
      ),
      'AnswerError',
    ],
    ['a contradiction', verdict({ verdict: 'allowed', category: 'gore', score: 1 }), 'AnswerError'],
    ['half a verdict', verdict({ verdict: 'allowed' }), 'AnswerError'],
    ['another word', verdict({ verdict: 'safe', category: 'none', score: 1 }), 'AnswerError'],
    ['empty', text(''), 'AnswerError'],
    ['no service', { error: 'ServiceUnavailableException', status: 503 }, 'TransientError'],
    ['a cut connection', 'cut within the body', 'TransientError'],
  ];
  test.each(noVerdicts)('never treats %s as allowed', async (_what, reply, name) => {
    const { vision } = await visionOf(reply);
    await expect(vision.moderate(MODEL, TILE)).rejects.toMatchObject({ name });
  });
});

describe('a verification', () => {
  const answered = (changed: object): BedrockReply => {
    const { score: _score, ...there } = CAT;
    return toolUse('report_verification', { ...there, ...changed });
  };

  it('confirms, rejects or corrects', async () => {
    const { vision, requests } = await visionOf(
      answered({ verdict: 'confirmed' }),
      answered({ verdict: 'rejected', label: '', right: 0 }),
      answered({ verdict: 'corrected', label: 'dog', text: 'REX', right: 1_100 }),
    );
    expect(await vision.verify(MODEL, TILE, TASK)).toMatchObject({ verdict: 'confirmed', usage: { input_tokens: 1_000 } });
    expect(await vision.verify(MODEL, TILE, TASK)).toMatchObject({ verdict: 'rejected' });
    expect(await vision.verify(MODEL, TILE, TASK)).toMatchObject({
      verdict: 'corrected',
      instead: { label: 'dog', description: 'a cat', severity: 'info', text: 'REX' },
      boxInCrop: [20, 20, 180, 50],
    });
    const words = requests[0]?.body.messages[0]?.content[1]?.text;
    expect(words).toContain('"label":"cat","left":100,"top":200,"right":300,"bottom":700');
  });

  test.each([{ label: '' }, { right: 100 }, { left: 1_001, right: 1_002 }])(
    'is repaired if it corrects with %j',
    async (missing) => {
      const { vision, requests } = await visionOf(
        answered({ verdict: 'corrected', ...missing }),
        answered({ verdict: 'corrected' }),
      );
      expect(await vision.verify(MODEL, TILE, TASK)).toMatchObject({ verdict: 'corrected', boxInCrop: [20, 20, 40, 50] });
      expect(requests[1]?.body.messages[2]?.content[0]?.text).toMatch(/expected the (label|box) of what is there instead/);
    },
  );
});

describe('a summary', () => {
  const sum = (summary: string): BedrockReply => toolUse('report_summary', { summary });

  it('is written from the overview and the findings', async () => {
    const { vision, requests } = await visionOf(sum(' A cat [f1] sits there. '));
    const { summary, usage } = await vision.summarize(MODEL, summaryMaterial());
    expect(summary).toBe('A cat [f1] sits there.');
    expect(usage.output_tokens).toBe(100);
    const [image, words] = requests[0]?.body.messages[0]?.content ?? [];
    expect(Buffer.from(image?.image?.source.bytes ?? '', 'base64')).toEqual(Buffer.from(TILE.bytes));
    expect(words?.text).toContain('"id":"f1"');
  });

  it('is repaired if it is longer than 2,000 characters', async () => {
    const { vision, requests } = await visionOf(sum('a'.repeat(2_001)), sum('b'.repeat(2_000)));
    const { summary } = await vision.summarize(MODEL, summaryMaterial());
    expect(requests).toHaveLength(2);
    expect(summary).toHaveLength(2_000);
    const { vision: talker } = await visionOf(sum('a'.repeat(2_001)));
    await expect(talker.summarize(MODEL, summaryMaterial())).rejects.toMatchObject({ name: 'AnswerError' });
  });
});
