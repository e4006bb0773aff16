// A service that refuses the image of one tile, the first that it is asked about: every way to refuse, through the real clients, pipeline
// and engine. That tile fails; the analysis does not.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ModelId } from '../../pipeline/contract/schemas.ts';
import type { Vision } from '../../pipeline/ports.ts';
import { anthropicVision } from '../../pipeline/vision/llm/anthropic-vision.ts';
import { bedrockVision } from '../../pipeline/vision/llm/bedrock-vision.ts';
import { openaiVision } from '../../pipeline/vision/llm/openai-vision.ts';
import { type AnthropicReply, anthropicServer, message, toolCall } from '../support/anthropic-server.ts';
import { fakeCredentials } from '../support/aws-credentials.ts';
import { answer, type BedrockReply, bedrockServer, toolUse } from '../support/bedrock-server.ts';
import { greyImage } from '../support/grey-image.ts';
import { completion, type OpenaiReply, openaiServer } from '../support/openai-server.ts';
import { requestFor, runPipeline } from '../support/pipeline-run.ts';
import { scriptedVision } from '../support/scripted-vision.ts';

const CAT = {
  label: 'cat',
  left: 300,
  top: 300,
  right: 700,
  bottom: 700,
  score: 0.9,
  severity: 'info',
  description: '',
  text: '',
};

beforeEach(fakeCredentials);
afterEach(() => vi.unstubAllEnvs());

/** Noise, so that no tile is blank and no two are alike. */
/** Runs an analysis with `vision` for its tiles only. */
async function analyzed(vision: Vision, model: ModelId) {
  const { summarize } = scriptedVision();
  const models = { ...requestFor('').models, moderation: null, detection: [model] };
  return await runPipeline(await greyImage(700, 400), { ...vision, summarize }, {}, { request: { models } });
}

/** `refusal` for the first image that is sent, however often; otherwise `usual`. */
function refusingFirst<Reply>(refusal: Reply, usual: Reply): (image: string) => Reply {
  let first: string | null = null;
  return (image) => {
    first ??= image;
    return image === first ? refusal : usual;
  };
}

function expectOneTileLost({ progress, document }: Awaited<ReturnType<typeof analyzed>>, reason: RegExp): void {
  expect(progress.status).toBe('PARTIAL');
  expect(document?.tiles.failed).toMatchObject([{ reason: expect.stringMatching(reason) }]);
  expect(document?.tiles.done).toBeGreaterThan(2);
  expect(document?.findings.length).toBeGreaterThan(0);
}

describe('the refusal of one image costs one tile:', () => {
  const tooLarge = /: the image is too large for it\. Choose a smaller tile_size\.$/;
  const unreadable = /: its service could not read the image\. Choose another model\.$/;
  const refused = /: the model refused\. Choose another model for this image\.$/;
  const unexplained = /: its service refused this image of \d+ x \d+ pixels, but accepted a plain image\./;

  const OPENAI: [string, OpenaiReply, RegExp][] = [
    ['in words that do not say why', { status: 400, message: 'Bad request.' }, unexplained],
    ['by 422 without words', { status: 422, message: '' }, unexplained],
    ['under a status of success', { raw: '{"error":{"message":"Invalid request"}}' }, unexplained],
    ['too large', { status: 413 }, tooLarge],
    ['unreadable', { status: 400, message: 'Failed to load image or audio file' }, unreadable],
    ['blocked by an error', { status: 400, code: 'content_filter' }, refused],
    ['blocked in the answer', completion({ refusal: 'I cannot.' }), refused],
    ['no answer', completion({ content: '' }), /: the answer was empty twice\./],
    [
      'reasoning without end',
      completion({ content: '<think>Is it', finish_reason: 'length' }),
      /all tokens of its answer on reasoning/,
    ],
  ];
  test.each(OPENAI)('an OpenAI-compatible server: %s', async (_how, refusal, reason) => {
    const usual = completion({ content: JSON.stringify({ detections: [CAT] }) });
    const replyTo = refusingFirst<OpenaiReply>(refusal, usual);
    const { baseUrl } = await openaiServer(({ body }) => replyTo(String(/data:[^"]+/.exec(JSON.stringify(body.messages)))));
    expectOneTileLost(await analyzed(openaiVision({ baseUrl, apiKey: null }), 'openai:seeing:8b'), reason);
  });

  const invalid = (message: string): BedrockReply => ({ error: 'ValidationException', status: 400, message });
  const BEDROCK: [string, BedrockReply, RegExp][] = [
    ['in words that do not say why', invalid('Malformed input request.'), unexplained],
    ['too large', invalid('image exceeds 5 MB maximum: 7167852 bytes > 5242880 bytes'), tooLarge],
    ['unreadable', invalid('Could not process image'), unreadable],
    ['blocked by an error', invalid('Output blocked by content filtering policy'), refused],
    ['blocked in the answer', answer([], 'guardrail_intervened'), refused],
  ];
  test.each(BEDROCK)('Bedrock: %s', async (_how, refusal, reason) => {
    const replyTo = refusingFirst<BedrockReply>(refusal, toolUse('report_detections', { detections: [CAT] }));
    const { endpoint } = await bedrockServer(({ body }) => replyTo(String(body.messages[0]?.content[0]?.image?.source.bytes)));
    expectOneTileLost(await analyzed(bedrockVision({ endpoint }), 'bedrock:us.amazon.nova-lite-v1:0'), reason);
  });

  const CAT_IN_PIXELS = { ...CAT, left: 80, top: 80, right: 180, bottom: 180 };
  const ANTHROPIC: [string, AnthropicReply, RegExp][] = [
    ['in words that do not say why', { status: 400, message: 'Invalid request.' }, unexplained],
    ['too large', { status: 413, message: 'Request exceeds the maximum size' }, tooLarge],
    ['too large in pixels', { status: 400, message: 'image exceeds 5 MB maximum: 7167852 bytes > 5242880 bytes' }, tooLarge],
    ['unreadable', { status: 400, message: 'Could not process image' }, unreadable],
    ['blocked by an error', { status: 400, message: 'Output blocked by content filtering policy' }, refused],
    ['blocked in the answer', message([{ type: 'text', text: 'I cannot.' }], 'refusal'), refused],
  ];
  test.each(ANTHROPIC)('Anthropic: %s', async (_how, refusal, reason) => {
    const replyTo = refusingFirst<AnthropicReply>(refusal, toolCall('report_detections', { detections: [CAT_IN_PIXELS] }));
    const { baseUrl } = await anthropicServer(({ body }) => replyTo(String(/"data":"[^"]+/.exec(JSON.stringify(body.messages)))));
    expectOneTileLost(await analyzed(anthropicVision({ baseUrl, apiKey: 'sk-ant-fake' }), 'anthropic:claude-sonnet-5'), reason);
  });
});

describe('a setting that a model refuses is noted once', () => {
  const refusing = async () =>
    await openaiServer(({ body }) => {
      if ('temperature' in body) return { status: 400, message: 'temperature is not supported' };
      return completion({ content: JSON.stringify({ detections: [CAT], summary: 'A cat.' }) });
    });
  const note = (model: ModelId) => `${model} refuses a temperature of 0; its answers may differ from run to run.`;

  test('for all tiles and the summary, if one model does both', async () => {
    const { baseUrl } = await refusing();
    const model = 'openai:seeing:8b';
    const models = { ...requestFor('').models, moderation: null, detection: [model], synthesis: model };
    const vision = openaiVision({ baseUrl, apiKey: null });
    const { document, progress } = await runPipeline(await greyImage(700, 400), vision, {}, { request: { models } });
    expect(progress.status).toBe('SUCCEEDED');
    expect(document?.summary).toContain('A cat.');
    expect(document?.notes.filter((one) => one.includes('refuses'))).toEqual([note(model)]);
  });

  test('for the summary, if another model detects', async () => {
    const { baseUrl } = await refusing();
    const model = 'openai:writing:8b';
    const models = { ...requestFor('').models, moderation: null, synthesis: model };
    const { detect } = scriptedVision();
    const vision = { ...openaiVision({ baseUrl, apiKey: null }), detect };
    const { document } = await runPipeline(await greyImage(700, 400), vision, {}, { request: { models } });
    expect(document?.notes).toContain(note(model));
  });
});
