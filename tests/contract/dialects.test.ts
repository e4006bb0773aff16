// How servers and models deviate from their wire formats, one row a dialect, through the real clients. An answer that holds a detection
// yields it, a setting that is refused is left out, and everything else fails with the sentence that helps.
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ModelId } from '../../pipeline/contract/schemas.ts';
import type { Jpeg, Vision } from '../../pipeline/ports.ts';
import { anthropicVision } from '../../pipeline/vision/llm/anthropic-vision.ts';
import { bedrockVision } from '../../pipeline/vision/llm/bedrock-vision.ts';
import { openaiVision } from '../../pipeline/vision/llm/openai-vision.ts';
import { type AnthropicReply, message as anthropicMessage, anthropicServer } from '../support/anthropic-server.ts';
import { fakeCredentials } from '../support/aws-credentials.ts';
import { answer, type BedrockReply, bedrockServer, type ConverseRequest, toolUse } from '../support/bedrock-server.ts';
import { CAT, CAT_IN_PIXELS, CAT_IN_TILE, EVERYTHING } from '../support/cat-tile.ts';
import {
  type ChatRequest,
  completion,
  REQUEST_ID as OPENAI_ID,
  type OpenaiReply,
  openaiServer,
} from '../support/openai-server.ts';

const OPENAI_MODEL = 'openai:qwen3-vl:8b';
const BEDROCK_MODEL = 'bedrock:us.amazon.nova-lite-v1:0';
const FORM = { detections: [CAT] };
const JSON_FORM = JSON.stringify(FORM);
const CUT_FORM = `{"detections":[${JSON.stringify(CAT)},{"label":"dog","left":1`;
const PYTHON_FORM = `{'detections': [{'label': 'cat', 'left': 100, 'top': 200, 'right': 300, 'bottom': 700, 'score': 0.9, 'text': None}]}`;

/** Answers in halves of a tile decode it. */
const tile: Promise<Jpeg> = sharp({ create: { width: 200, height: 100, channels: 3, background: 'white' } })
  .jpeg()
  .toBuffer()
  .then((bytes) => ({ bytes, width: 200, height: 100 }));

beforeEach(fakeCredentials);
afterEach(() => vi.unstubAllEnvs());

async function openai(...script: Parameters<typeof openaiServer>): Promise<{ vision: Vision; requests: ChatRequest[] }> {
  const { baseUrl, requests } = await openaiServer(...script);
  return { vision: openaiVision({ baseUrl, apiKey: null, timeoutMs: 20_000 }), requests };
}

async function bedrock(...script: Parameters<typeof bedrockServer>): Promise<{ vision: Vision; requests: ConverseRequest[] }> {
  const { endpoint, requests } = await bedrockServer(...script);
  return { vision: bedrockVision({ endpoint, timeoutMs: 20_000 }), requests };
}

async function detect(vision: Vision, model: ModelId) {
  const answered = await vision.detect(model, await tile, EVERYTHING);
  return { ...answered, notes: answered.notes.filter((note) => !note.startsWith('The price of ')) };
}

const says = (content: string, finish_reason = 'stop') => completion({ content, finish_reason });
const USAGE = { prompt_tokens: 1_000, completion_tokens: 100 };
const message = (parts: object, around: object = {}): OpenaiReply => ({
  body: { choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', ...parts } }], usage: USAGE, ...around },
});
const call = (input: unknown) => ({ id: 'call_1', type: 'function', function: { name: 'report_detections', arguments: input } });

describe('an OpenAI-compatible server: a detection is found', () => {
  const rows: [string, OpenaiReply][] = [
    ['alone', says(JSON_FORM)],
    ['after thoughts', says(`<think>A cat, or {"a": "dog"}?</think>\n${JSON_FORM}`)],
    ['after thoughts that hold a draft', says(`<think>{"detections":[]}</think>${JSON_FORM}`)],
    ['after the closing tag of thoughts', says(`I see a cat.\n</think>\n\n${JSON_FORM}`)],
    ['within thoughts that do not end', says(`<think>\nI see a cat.\n${JSON_FORM}`)],
    ['after thoughts in brackets', says(`[THINK]A cat.[/THINK]${JSON_FORM}`)],
    ['after thoughts between triangles', says(`◁think▷A cat {maybe}.◁/think▷${JSON_FORM}`)],
    [
      'in the final channel',
      says(`<|channel|>analysis<|message|>{"a":1}<|end|><|start|>assistant<|channel|>final<|message|>${JSON_FORM}`),
    ],
    ['in an element', says(`<answer>${JSON_FORM}</answer>`)],
    ['in a fence', says(`\`\`\`json\n${JSON_FORM}\n\`\`\``)],
    ['in a fence before a sentence', says(`\`\`\`json\n${JSON_FORM}\n\`\`\`\nI hope that helps.`)],
    ['after prose', says(`Here are the detections: ${JSON_FORM}`)],
    ['before a token of the template', says(`${JSON_FORM}<|im_end|>`)],
    ['before the end of the text', says(`${JSON_FORM}</s>`)],
    ['in an array at the root', says('[{"bbox_2d": [100, 200, 300, 700], "label": "cat"}]')],
    ['under the name of the tool', says(JSON.stringify({ report_detections: FORM }))],
    ['as the arguments of a call in the text', says(JSON.stringify({ name: 'report_detections', arguments: FORM }))],
    ['as arguments in a string', says(JSON.stringify({ name: 'report_detections', arguments: JSON_FORM }))],
    ['as JSON within JSON', says(JSON.stringify(JSON_FORM))],
    [
      'in parts of text',
      message({
        content: [
          { type: 'text', text: JSON_FORM.slice(0, 20) },
          { type: 'text', text: JSON_FORM.slice(20) },
        ],
      }),
    ],
    [
      'in parts after a thinking part',
      message({
        content: [
          { type: 'thinking', thinking: [{ type: 'text', text: 'A dog?' }] },
          { type: 'text', text: JSON_FORM },
        ],
      }),
    ],
    ['in content that is parsed', message({ content: FORM })],
    ['in content that is a list', message({ content: [CAT] })],
    ['in reasoning_content without content', message({ content: '', reasoning_content: JSON_FORM })],
    ['in reasoning without content', message({ content: null, reasoning: `A cat. ${JSON_FORM}` })],
    ['in a call of a tool', message({ content: null, tool_calls: [call(JSON_FORM)] })],
    ['in a call of a tool after prose', message({ content: 'I call the tool.', tool_calls: [call(JSON_FORM)] })],
    ['in the text before an empty call of a tool', message({ content: JSON_FORM, tool_calls: [call('{}')] })],
    ['in a call of a tool with parsed arguments', message({ content: '', tool_calls: [call(FORM)] })],
    ['in a call of a function', message({ content: null, function_call: { name: 'report_detections', arguments: JSON_FORM } })],
    ['in the text of an older completion', { body: { choices: [{ text: JSON_FORM, finish_reason: 'stop' }], usage: USAGE } }],
    [
      'in a body of another type',
      { raw: JSON.stringify({ choices: [{ message: { content: JSON_FORM } }] }), type: 'text/plain' },
    ],
    ['in a stream that was not asked for', { raw: streamed(JSON_FORM), type: 'text/event-stream' }],
    ['in what the server calls a failed generation', { status: 400, ...failedGeneration(`${JSON_FORM} `) }],
    ['in quotes of Python', says(PYTHON_FORM)],
    ['in quotes of Python after prose', says(`The result:\n${PYTHON_FORM}`)],
    ['with a trailing comma', says(`{"detections":[${JSON.stringify(CAT)},],}`)],
    ['with comments', says(`{"detections":[\n// one cat\n${JSON.stringify(CAT)}]}`)],
    ['without an end, although it stopped', says(CUT_FORM)],
    ['whole in a cut-off answer', says(CUT_FORM, 'length')],
    ['whole in an answer that another word says is cut off', says(CUT_FORM, 'max_tokens')],
    ['in reasoning that is cut off', message({ content: '', reasoning_content: CUT_FORM })],
    ['without a count of tokens', message({ content: JSON_FORM }, { usage: undefined })],
    ['with an empty count of tokens', message({ content: JSON_FORM }, { usage: {} })],
    ['with a count of null', message({ content: JSON_FORM }, { usage: { prompt_tokens: null, completion_tokens: null } })],
    ['with fractions of tokens', message({ content: JSON_FORM }, { usage: { prompt_tokens: 12.5, completion_tokens: 0.5 } })],
    ['with a count in strings', message({ content: JSON_FORM }, { usage: { prompt_tokens: '12', completion_tokens: '1' } })],
    ['with a negative count', message({ content: JSON_FORM }, { usage: { prompt_tokens: -1, completion_tokens: -1 } })],
    ['without a reason for its end', message({ content: JSON_FORM }, { choices: [{ message: { content: JSON_FORM } }] })],
    ['with numbers in strings', says(JSON.stringify({ detections: [{ ...CAT, left: '100', top: '200', score: '0.9' }] }))],
    ['with a score over 1', says(JSON.stringify({ detections: [{ ...CAT, score: 1.2 }] }))],
    ['with null and capital letters', says(JSON.stringify({ detections: [{ ...CAT, text: null, severity: 'Info' }] }))],
    ['with a long description', says(JSON.stringify({ detections: [{ ...CAT, description: 'a'.repeat(5_000) }] }))],
    ['beside one that is none', says(JSON.stringify({ detections: [{ label: 'dog' }, CAT] }))],
    [
      'with another name of the box',
      says(JSON.stringify({ detections: [{ label: 'cat', bbox: [100, 200, 300, 700], score: 0.9 }] })),
    ],
  ];
  test.each(rows)('%s', async (_where, reply) => {
    const { vision, requests } = await openai(reply, says('{"detections":[]}'));
    const { detections } = await detect(vision, OPENAI_MODEL);
    expect(detections).toMatchObject([CAT_IN_TILE]);
    expect(requests.length).toBeLessThanOrEqual(3); // one, and two halves after a cut-off answer
    expect(requests.every(({ body }) => body.messages.length === 2)).toBe(true); // no repair
  });

  test('with y first where the family writes so', async () => {
    const { vision } = await openai(says('[{"box_2d": [200, 100, 700, 300], "label": "cat"}]'));
    expect((await detect(vision, 'openai:google/gemini-3-pro')).detections).toMatchObject([CAT_IN_TILE]);
  });

  test('in each of two calls of a tool', async () => {
    const second = JSON.stringify({ detections: [{ ...CAT, label: 'dog' }] });
    const { vision } = await openai(message({ content: null, tool_calls: [call(JSON_FORM), call(second)] }));
    expect((await detect(vision, OPENAI_MODEL)).detections.map(({ label }) => label)).toEqual(['cat', 'dog']);
  });

  test('with tokens that are rounded up, or unknown with their cost', async () => {
    const { vision } = await openai(
      message({ content: JSON_FORM }, { usage: { prompt_tokens: 12.5, completion_tokens: 0.5 } }),
      message({ content: JSON_FORM }, { usage: {} }),
    );
    expect((await detect(vision, OPENAI_MODEL)).usage).toMatchObject({ input_tokens: 13, output_tokens: 1 });
    const uncounted = await detect(vision, OPENAI_MODEL);
    expect(uncounted.usage).toEqual({ input_tokens: 0, output_tokens: 0, cost_usd: null });
    expect(uncounted.notes).toEqual([
      `The server of ${OPENAI_MODEL} does not count tokens: its tokens and its cost are unknown.`,
    ]);
  });
});

function streamed(text: string): string {
  const half = Math.floor(text.length / 2);
  const chunks = [text.slice(0, half), text.slice(half)].map((content) => ({ choices: [{ delta: { content } }] }));
  const end = { choices: [{ delta: {}, finish_reason: 'stop' }], usage: USAGE };
  return [...chunks.map((chunk) => JSON.stringify(chunk)), JSON.stringify(end), '[DONE]']
    .map((event) => `data: ${event}\n\n`)
    .join('');
}

function failedGeneration(written: string): { raw: string } {
  const error = {
    message: 'Failed to validate JSON. Please adjust your prompt.',
    code: 'json_validate_failed',
    failed_generation: written,
  };
  return { raw: JSON.stringify({ error }) };
}

describe('an OpenAI-compatible server: a refused setting is left out, remembered, and named in a note:', () => {
  type Refusal = { status: number; message: string } | { status?: number; raw: string };
  const extraForbidden = (...path: (string | number)[]) =>
    JSON.stringify({ detail: [{ type: 'extra_forbidden', loc: ['body', ...path], msg: 'Extra inputs are not permitted' }] });
  /** A request that asks for the form in words has no `response_format`. */
  const formatOf = ({ body }: ChatRequest) => (body as Partial<ChatRequest['body']>).response_format?.type;
  const hasSystem = ({ body }: ChatRequest) => body.messages[0]?.role === 'system';
  const hasDetail = ({ body }: ChatRequest) => JSON.stringify(body.messages).includes('"detail"');
  const inWords = 'the form is in its instructions instead.';
  const folded = 'system messages; its instructions are in the user message instead.';
  const detailNote = 'the detail of an image_url; it may shrink the tiles.';

  const rows: [string, Refusal, (request: ChatRequest) => boolean, string[]][] = [
    [
      'a system message beside an image',
      { status: 400, message: 'Prompting with images is incompatible with system messages.' },
      hasSystem,
      [folded],
    ],
    ['a system role that its template does not have', { status: 500, message: 'System role not supported' }, hasSystem, [folded]],
    [
      'roles that do not alternate',
      { status: 400, message: 'Conversation roles must alternate user/assistant/user/assistant/...' },
      hasSystem,
      [folded],
    ],
    [
      'an instruction of the developer',
      {
        raw: JSON.stringify([
          { error: { code: 400, message: 'Developer instruction is not enabled for models/gemma-3-27b-it' } },
        ]),
        status: 400,
      },
      hasSystem,
      [folded],
    ],
    [
      'json_schema',
      { status: 400, message: "'response_format.type' must be 'json_object' or 'text'" },
      (request) => formatOf(request) === 'json_schema',
      [`a JSON schema as response_format; ${inWords}`],
    ],
    [
      'every response_format',
      { status: 422, message: 'This response_format type is unavailable now' },
      (request) => formatOf(request) !== undefined,
      [`a JSON schema as response_format; ${inWords}`, `response_format; ${inWords}`],
    ],
    [
      'a grammar that it cannot build',
      { status: 400, message: 'Failed to initialize samplers: failed to parse grammar' },
      (request) => formatOf(request) === 'json_schema',
      [`a JSON schema as response_format; ${inWords}`],
    ],
    [
      'response_format as a field it does not know',
      { raw: extraForbidden('response_format'), status: 422 },
      (request) => formatOf(request) !== undefined,
      [`a JSON schema as response_format; ${inWords}`, `response_format; ${inWords}`],
    ],
    [
      'strict',
      { status: 400, message: 'Unrecognized request argument supplied: strict' },
      ({ body }) => body.response_format.json_schema.strict,
      ['strict JSON schemas; an answer may need a repair.'],
    ],
    [
      'additionalProperties',
      {
        status: 400,
        message: 'Unknown name "additional_properties" at \'generation_config.response_schema\': Cannot find field.',
      },
      ({ body }) => JSON.stringify(body.response_format).includes('additionalProperties'),
      ['additionalProperties in a JSON schema; its answers may have other fields, which are left out.'],
    ],
    [
      'detail as a field that is not permitted',
      { raw: extraForbidden('messages', 1, 'user', 'content', 0, 'image_url', 'detail'), status: 422 },
      hasDetail,
      [detailNote],
    ],
    [
      'detail as an unknown name',
      { status: 400, message: 'Invalid JSON payload received. Unknown name "detail" at \'messages[1].content[0].image_url\'' },
      hasDetail,
      [detailNote],
    ],
    [
      'temperature',
      { status: 400, message: "Unsupported value: 'temperature' does not support 0 with this model." },
      ({ body }) => body.temperature !== undefined,
      ['a temperature of 0; its answers may differ from run to run.'],
    ],
    [
      'temperature under a status of success',
      { raw: JSON.stringify({ error: { message: 'temperature is not supported by this model' } }) },
      ({ body }) => body.temperature !== undefined,
      ['a temperature of 0; its answers may differ from run to run.'],
    ],
    [
      'both names of max_tokens',
      { status: 400, message: "Unsupported parameter: 'max_tokens'. Unknown parameter: 'max_completion_tokens'." },
      ({ body }) => 'max_tokens' in body || 'max_completion_tokens' in body,
      ['max_tokens; max_completion_tokens is sent instead.', 'max_completion_tokens; the length of its answers is not limited.'],
    ],
    [
      'everything at once',
      {
        status: 400,
        message: 'Not permitted: image_url.detail, temperature, additionalProperties, strict, response_format, system message',
      },
      (request) =>
        hasDetail(request) || request.body.temperature !== undefined || formatOf(request) !== undefined || hasSystem(request),
      [
        detailNote,
        'a temperature of 0; its answers may differ from run to run.',
        'additionalProperties in a JSON schema; its answers may have other fields, which are left out.',
        'strict JSON schemas; an answer may need a repair.',
        `a JSON schema as response_format; ${inWords}`,
        `response_format; ${inWords}`,
        folded,
      ],
    ],
  ];
  test.each(rows)('%s', async (_what, refusal, isRefused, notes) => {
    const reply = 'raw' in refusal ? refusal : { ...refusal };
    const { vision, requests } = await openai((request) => (isRefused(request) ? reply : says(JSON_FORM)));
    const first = await detect(vision, OPENAI_MODEL);
    expect(first.detections).toMatchObject([CAT_IN_TILE]);
    expect(first.notes).toEqual(notes.map((note) => `${OPENAI_MODEL} refuses ${note}`));
    const before = requests.length;
    expect((await detect(vision, OPENAI_MODEL)).notes).toEqual(first.notes);
    expect(requests.length - before).toBe(1);
    const words = JSON.stringify(requests.at(-1)?.body.messages);
    expect(words).toContain('You examine one part of a larger image'); // the rules, wherever they stand
    const needsForm = notes.some((note) => note.includes('response_format'));
    expect(words.includes('follows this JSON schema')).toBe(needsForm);
  });

  const LIMITS: [string, string, number][] = [
    ['a limit of the answer', 'max_tokens is too large: 4096. This model supports at most 2048 completion tokens.', 2_048],
    ['a range', 'Range of max_tokens should be [1, 2000]', 2_000],
    ['a limit beside the name of a model', 'max_tokens: 4096 > 1024, which is the maximum allowed for m-haiku-20240307', 1_024],
    [
      'a context with the tokens of the prompt',
      "This model's maximum context length is 8192 tokens. However, you requested 9200 tokens (5104 in the messages, 4096 in the completion).",
      3_088,
    ],
    [
      'a context of a local server',
      "'max_tokens' or 'max_completion_tokens' is too large: 4096. This model's maximum context length is 4096 tokens and your request has 1200 input tokens (4096 > 4096 - 1200).",
      2_896,
    ],
    [
      'a sum of both',
      '`inputs` tokens + `max_new_tokens` must be <= 4097. Given: 1500 `inputs` tokens and 4096 `max_new_tokens`',
      2_597,
    ],
    ['no number', 'max_tokens exceeds the limit of this model.', 2_048],
  ];
  test.each(LIMITS)('max_tokens over %s', async (_what, words, accepted) => {
    const { vision, requests } = await openai(({ body }) =>
      (body.max_tokens ?? 0) > accepted ? { status: 400, message: words } : says(JSON_FORM),
    );
    const { detections, notes } = await detect(vision, OPENAI_MODEL);
    expect(detections).toMatchObject([CAT_IN_TILE]);
    expect(requests.map(({ body }) => body.max_tokens)).toEqual([4_096, accepted]);
    expect(notes).toEqual([`${OPENAI_MODEL} refuses answers of 4096 tokens; a tile with many objects is analyzed in halves.`]);
  });
});

describe('an OpenAI-compatible server: nothing is found, and the sentence helps:', () => {
  const unusable = (fix: string) => `The model ${OPENAI_MODEL} cannot be used: ${fix}.`;
  const none = (reason: string) => `No detections from ${OPENAI_MODEL}: ${reason}.`;
  const noVision = unusable('it does not accept images. Choose a model with vision');
  const wrongPath = unusable(
    'the server has no chat completions at the address of OPENAI_BASE_URL. Check the address: it usually ends with /v1',
  );
  const unknownModel = unusable(
    'it does not exist. Check the model id and OPENAI_BASE_URL, and load the model on a local server',
  );
  const reasoned = none(
    'the model spent all tokens of its answer on reasoning. Turn its reasoning down or off, or choose another model',
  );
  const tooLarge = none('the image is too large for it. Choose a smaller tile_size');
  const throttled = `The model ${OPENAI_MODEL} is throttled. Try again later.`;

  const rows: [string, OpenaiReply, string, string][] = [
    [
      'no vision, as OpenAI says',
      { status: 400, message: 'Invalid content type. image_url is only supported by certain models.' },
      'UserError',
      noVision,
    ],
    [
      'no vision, as LM Studio says',
      { status: 400, message: 'Model does not support images. Please use a model that does.' },
      'UserError',
      noVision,
    ],
    [
      'no vision, as vLLM says',
      { status: 400, message: 'At most 0 image(s) may be provided in one prompt.' },
      'UserError',
      noVision,
    ],
    [
      'no vision, as DeepSeek says',
      { status: 422, message: 'messages[1]: unknown variant `image_url`, expected `text`' },
      'UserError',
      noVision,
    ],
    [
      'no vision, as Groq says',
      {
        status: 400,
        message:
          "'messages.1' : for 'role:user' the following must be satisfied[('messages.1.content' : value must be a string)], messages[1].content must be a string",
      },
      'UserError',
      noVision,
    ],
    [
      'no vision, as OpenRouter says',
      { status: 404, message: 'No endpoints found that support image input' },
      'UserError',
      noVision,
    ],
    [
      'no vision part, as llama.cpp says with a fault',
      { status: 500, message: 'image input is not supported - hint: if this is unexpected, you may need to provide the mmproj' },
      'UserError',
      unusable(
        'the server has loaded it without its vision part. Load the mmproj file of the model, or choose a model with vision',
      ),
    ],
    [
      'a model that is not installed',
      { status: 404, message: 'model "qwen3-vl:8b" not found, try pulling it first' },
      'UserError',
      unusable('it is not installed. Install it with "ollama pull qwen3-vl:8b"'),
    ],
    [
      'no model loaded',
      { status: 404, message: 'No models loaded. Please load a model in the developer page or use the `lms load` command.' },
      'UserError',
      unusable('the server has loaded no model. Load it, for example with "lms load qwen3-vl:8b"'),
    ],
    [
      'a model that does not exist',
      { raw: '{"object":"error","message":"The model `m` does not exist.","code":404}', status: 404 },
      'UserError',
      unknownModel,
    ],
    ['a model that does not exist, with 400', { status: 400, message: 'm/x is not a valid model ID' }, 'UserError', unknownModel],
    ['an address without the API', { raw: '404 page not found', type: 'text/plain', status: 404 }, 'UserError', wrongPath],
    ['an address of another API', { raw: '{"detail":"Not Found"}', status: 404 }, 'UserError', wrongPath],
    ['an address that only reads', { raw: '<html>405</html>', type: 'text/html', status: 405 }, 'UserError', wrongPath],
    [
      'an address that LM Studio does not know',
      { raw: '{"error":"Unexpected endpoint or method. (POST /chat/completions)"}' },
      'UserError',
      wrongPath,
    ],
    [
      'a page of a website',
      { raw: '<!DOCTYPE html><html><body>Sign in</body></html>', type: 'text/html' },
      'TransientError',
      `The model ${OPENAI_MODEL} got a web page instead of an answer. Check OPENAI_BASE_URL: it usually ends with /v1.`,
    ],
    [
      'too little memory',
      { status: 500, message: 'model requires more system memory (10.9 GiB) than is available (7.1 GiB)' },
      'UserError',
      unusable('the server has too little memory for it. Choose a smaller model, or one that is quantized further'),
    ],
    [
      'throttling under a status of success',
      { raw: '{"error":{"message":"Rate limit exceeded, retry in 3 s"}}' },
      'TransientError',
      throttled,
    ],
    [
      'throttling in the choice',
      { raw: '{"choices":[{"error":{"code":429,"message":"Busy"},"message":{"content":""}}]}' },
      'TransientError',
      throttled,
    ],
    [
      'a fault under a status of success',
      { raw: '{"error":{"message":"Upstream error"}}' },
      'TransientError',
      `The model ${OPENAI_MODEL} failed to answer: its server has a fault. Try again.`,
    ],
    [
      'a key that is refused under a status of success',
      { raw: '{"error":{"message":"Invalid API key"}}' },
      'UserError',
      unusable('the key was refused. Set OPENAI_API_KEY to one that is valid for this server'),
    ],
    [
      'a filter under a status of success',
      { raw: '{"error":{"message":"Your input was flagged by our safety system"}}' },
      'AnswerError',
      none('the model refused. Choose another model for this image'),
    ],
    [
      'an image too large under a status of success',
      { raw: '{"error":{"message":"image exceeds 5 MB maximum"}}' },
      'AnswerError',
      tooLarge,
    ],
    [
      'an image too large by the words behind a gateway',
      { raw: '{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":"image exceeds 5 MB maximum"}}}' },
      'AnswerError',
      tooLarge,
    ],
    [
      'a daily quota',
      { status: 429, message: 'Rate limit exceeded: free-models-per-day' },
      'UserError',
      unusable('the quota of the day is used up. Try again tomorrow, or ask for a higher quota'),
    ],
    [
      'a prompt over the context',
      { status: 400, message: "This model's maximum context length is 4096 tokens and your request has 4090 input tokens" },
      'UserError',
      unusable('the request is longer than its context. Choose a smaller tile_size, or a model with a larger context'),
    ],
    [
      'reasoning that took all tokens',
      message(
        { content: '', reasoning_content: 'A cat, or' },
        { choices: [{ finish_reason: 'length', message: { content: '', reasoning_content: 'A cat, or' } }] },
      ),
      'AnswerError',
      reasoned,
    ],
    ['reasoning in the text that took all tokens', says('<think>A cat, or perhaps', 'length'), 'AnswerError', reasoned],
    [
      'reasoning in a channel that took all tokens',
      says('<|channel|>analysis<|message|>A cat', 'length'),
      'AnswerError',
      reasoned,
    ],
    [
      'a filter of Gemini',
      message({}, { choices: [{ finish_reason: 'SAFETY', message: { content: null } }] }),
      'AnswerError',
      none('the model refused. Choose another model for this image'),
    ],
  ];
  test.each(rows)('%s', async (_what, reply, name, sentence) => {
    const { vision, requests } = await openai(reply);
    await expect(detect(vision, OPENAI_MODEL)).rejects.toMatchObject({ name, message: sentence, cause: expect.any(Error) });
    expect(requests).toHaveLength(1);
  });
});

const calls = (input: unknown) => toolUse('report_detections', input);
const writes = (words: string, stopReason = 'end_turn') => answer([{ text: words }], stopReason);
const use = (input: unknown, name = 'report_detections') => ({ toolUse: { toolUseId: 't1', name, input } });
const thought = { reasoningContent: { reasoningText: { text: 'A cat, or a dog?', signature: 's' } } };

describe('Bedrock: a detection is found', () => {
  const rows: [string, BedrockReply][] = [
    ['in the call of the tool', calls(FORM)],
    ['in a list that is a string', calls({ detections: JSON.stringify([CAT]) })],
    ['in an input that is a string', calls(JSON_FORM)],
    ['in an input that is a string in a fence', calls(`\`\`\`json\n${JSON_FORM}\n\`\`\``)],
    ['in an input that is a string of Python', calls(PYTHON_FORM)],
    ['under the name of the tool', calls({ report_detections: FORM })],
    ['in an object instead of a list', calls({ detections: CAT })],
    ['after reasoning', answer([thought, use(FORM)], 'tool_use')],
    ['after words', answer([{ text: 'I call the tool.' }, use(FORM)], 'tool_use')],
    ['under a longer name of the tool', answer([use(FORM, 'functions.report_detections')], 'tool_use')],
    ['in thinking text without a call', writes(`<thinking>A cat.</thinking>\n${JSON_FORM}`)],
    ['in text in a fence', writes(`\`\`\`json\n${JSON_FORM}\n\`\`\``)],
    ['in text of Python', writes(PYTHON_FORM)],
    ['in text beside a call without input', answer([{ text: JSON_FORM }, use({})], 'tool_use')],
    ['in reasoning alone', answer([{ reasoningContent: { reasoningText: { text: JSON_FORM } } }], 'end_turn')],
    ['in text that ends with a malformed call', writes(JSON_FORM, 'malformed_tool_use')],
    ['whole in a call that was cut off', answer([use(CUT_FORM)], 'max_tokens')],
    ['whole in text that was cut off', writes(CUT_FORM, 'max_tokens')],
    [
      'without a count of tokens',
      { body: { stopReason: 'tool_use', output: { message: { role: 'assistant', content: [use(FORM)] } } } },
    ],
  ];
  test.each(rows)('%s', async (_where, reply) => {
    const { vision, requests } = await bedrock(reply, calls({ detections: [] }));
    expect((await detect(vision, BEDROCK_MODEL)).detections).toMatchObject([CAT_IN_TILE]);
    expect(requests.every(({ body }) => body.messages.length === 1)).toBe(true); // no repair
  });
});

describe('Bedrock: a refused setting is left out, remembered, and named in a note:', () => {
  type Rule = (request: ConverseRequest) => boolean;
  const rows: [string, string, Rule, string[]][] = [
    [
      'system messages',
      "This model doesn't support system messages. Try again without a system message or use a model that supports system messages.",
      ({ body }) => 'system' in body,
      ['system messages; its instructions are in the user message instead.'],
    ],
    [
      'tools',
      "This model doesn't support tool use.",
      ({ body }) => 'toolConfig' in body,
      ['tools; the form is in its instructions instead.'],
    ],
    [
      'a forced tool',
      "This model doesn't support the toolConfig.toolChoice.tool field. Remove toolConfig.toolChoice.tool and try again.",
      ({ body }) => body.toolConfig?.toolChoice !== undefined,
      ['to be forced to call a tool; an answer may need a repair.'],
    ],
    [
      'a forced tool beside thinking',
      'Thinking may not be enabled when tool_choice forces tool use.',
      ({ body }) => body.toolConfig?.toolChoice !== undefined,
      ['to be forced to call a tool; an answer may need a repair.'],
    ],
    [
      'the length of an answer',
      'The maximum tokens you requested exceeds the model limit of 2048. Try again with a maximum tokens value that is lower than 2048.',
      ({ body }) => body.inferenceConfig.maxTokens > 2_048,
      ['answers of 4096 tokens; a tile with many objects is analyzed in halves.'],
    ],
  ];
  test.each(rows)('%s', async (_what, words, isRefused, notes) => {
    const refused: BedrockReply = { error: 'ValidationException', status: 400, message: words };
    const { vision, requests } = await bedrock((request) => {
      if (isRefused(request)) return refused;
      return 'toolConfig' in request.body ? calls(FORM) : writes(JSON_FORM);
    });
    const first = await detect(vision, BEDROCK_MODEL);
    expect(first.detections).toMatchObject([CAT_IN_TILE]);
    expect(first.notes).toEqual(notes.map((note) => `${BEDROCK_MODEL} refuses ${note}`));
    const before = requests.length;
    await detect(vision, BEDROCK_MODEL);
    expect(requests.length - before).toBe(1);
    const { messages, system } = requests.at(-1)?.body ?? {};
    expect(JSON.stringify([messages, system])).toContain('You examine one part of a larger image');
  });

  test('a model without tools is asked for JSON, and its verdict on an image counts', async () => {
    const refused: BedrockReply = { error: 'ValidationException', status: 400, message: "This model doesn't support tool use." };
    const verdict = '{"verdict":"allowed","category":"none","score":0.9}';
    const { vision, requests } = await bedrock(({ body }) => ('toolConfig' in body ? refused : writes(verdict)));
    expect(await vision.moderate(BEDROCK_MODEL, await tile)).toMatchObject({ allowed: true });
    expect(requests[1]?.body.system[0]?.text).toContain('follows this JSON schema');
  });
});

describe('Anthropic: a detection is found', () => {
  const inPixels = { detections: [CAT_IN_PIXELS] };
  const json = JSON.stringify(inPixels);
  const called = (input: unknown) => ({ type: 'tool_use', id: 'toolu_1', name: 'report_detections', input });
  const text = (words: string) => ({ type: 'text', text: words });
  const python = json.replaceAll('"', "'");
  const rows: [string, AnthropicReply][] = [
    ['in the call of the tool', anthropicMessage([called(inPixels)], 'tool_use')],
    ['in a list that is a string', anthropicMessage([called({ detections: JSON.stringify(inPixels.detections) })], 'tool_use')],
    ['in an input that is a string', anthropicMessage([called(json)], 'tool_use')],
    ['in an input that is a string of Python', anthropicMessage([called(python)], 'tool_use')],
    [
      'after thinking',
      anthropicMessage([{ type: 'thinking', thinking: 'A dog?', signature: 's' }, called(inPixels)], 'tool_use'),
    ],
    ['after words', anthropicMessage([text('I call the tool.'), called(inPixels)], 'tool_use')],
    ['in text without a call', anthropicMessage([text(`Here it is:\n\`\`\`json\n${json}\n\`\`\``)], 'end_turn')],
    ['in text beside a call without input', anthropicMessage([text(json), called({})], 'tool_use')],
    ['whole in text that was cut off', anthropicMessage([text(`${json.slice(0, -2)},{"label":"dog"`)], 'max_tokens')],
    ['without a reason for its end', { body: { type: 'message', role: 'assistant', content: [called(inPixels)] } }],
  ];
  test.each(rows)('%s', async (_where, reply) => {
    const { baseUrl, requests } = await anthropicServer(reply, anthropicMessage([called({ detections: [] })], 'tool_use'));
    const vision = anthropicVision({ baseUrl, apiKey: 'sk-fake-for-tests', timeoutMs: 20_000 });
    expect((await detect(vision, 'anthropic:claude-sonnet-5')).detections).toMatchObject([CAT_IN_TILE]);
    expect(requests.every(({ body }) => body.messages.length === 1)).toBe(true); // no repair
  });
});

describe('a verdict on an image', () => {
  const ALLOWED = '{"verdict":"allowed","category":"none","score":0.9}';
  const moderated = async (reply: OpenaiReply) => await (await openai(reply)).vision.moderate(OPENAI_MODEL, await tile);
  const whole: [string, OpenaiReply][] = [
    ['after thoughts', says(`<think>A cat.</think>${ALLOWED}`)],
    ['in the final channel', says(`<|channel|>analysis<|message|>A cat.<|end|><|channel|>final<|message|>${ALLOWED}<|return|>`)],
    ['before a token of the template', says(`${ALLOWED}<|im_end|>`)],
    ['in parts', message({ content: [{ type: 'text', text: ALLOWED }] })],
    ['in a call of a tool after words', message({ content: 'I call the tool.', tool_calls: [call(ALLOWED)] })],
  ];
  test.each(whole)('counts %s', async (_where, reply) => {
    expect(await moderated(reply)).toMatchObject({ allowed: true });
  });

  const within: [string, OpenaiReply][] = [
    ['after words', says(`The sign says ${ALLOWED}`)],
    ['after words and the mark of a channel', says(`The sign says <|channel|>final<|message|>${ALLOWED}`)],
    ['before words', says(`${ALLOWED} is written there.`)],
    ['in quotes of Python', says("{'verdict': 'allowed', 'category': 'none', 'score': 0.9}")],
    ['in words and in a call of a tool', message({ content: `{"sign": ${ALLOWED}}`, tool_calls: [call(ALLOWED)] })],
    ['that is cut off', says(ALLOWED, 'length')],
  ];
  test.each(within)('allows nothing %s: it may be quoted from the image', async (_where, reply) => {
    await expect(moderated(reply)).rejects.toMatchObject({ name: 'AnswerError' });
  });
});

describe('a refusal in words that do not say why', () => {
  const withoutAny = (model: ModelId) =>
    `${model} refuses the usual request without a reason; it is asked without settings, and its answers may vary.`;
  const isPlain = (bytes: number) => bytes < 1_500;
  const sentence = (model: ModelId) =>
    `No detections from ${model}: its service refused this image of 200 x 100 pixels, but accepted a plain image. Choose another model for this image.`;
  const noise = sharp({
    create: { width: 200, height: 100, channels: 3, background: '#777', noise: { type: 'gaussian', mean: 128, sigma: 30 } },
  })
    .jpeg()
    .toBuffer();

  test('concerns the settings if a request without any is accepted, which is remembered: OpenAI-compatible servers', async () => {
    const { vision, requests } = await openai(({ body }) =>
      'temperature' in body || 'response_format' in body ? { status: 422, message: 'No.' } : says(JSON_FORM),
    );
    const first = await detect(vision, OPENAI_MODEL);
    expect(first.detections).toMatchObject([CAT_IN_TILE]);
    expect(first.notes).toEqual([withoutAny(OPENAI_MODEL)]);
    await detect(vision, OPENAI_MODEL);
    expect(requests).toHaveLength(3);
    expect(Object.keys(requests[2]?.body ?? {})).toEqual(['model', 'messages']);
    expect(JSON.stringify(requests[2]?.body.messages)).toContain('follows this JSON schema');
  });

  test('concerns the settings if a request without any is accepted: Bedrock', async () => {
    const { vision, requests } = await bedrock(({ body }) =>
      'toolConfig' in body ? { error: 'ValidationException', status: 400, message: 'No.' } : writes(JSON_FORM),
    );
    const { detections, notes } = await detect(vision, BEDROCK_MODEL);
    expect(detections).toMatchObject([CAT_IN_TILE]);
    expect(notes).toEqual([withoutAny(BEDROCK_MODEL)]);
    expect(Object.keys(requests[1]?.body ?? {}).sort()).toEqual(['inferenceConfig', 'messages']);
  });

  test('concerns the image if a plain one is accepted: Bedrock', async () => {
    const { vision, requests } = await bedrock(({ body }) =>
      isPlain(body.messages[0]?.content[0]?.image?.source.bytes.length ?? 0)
        ? calls({ detections: [] })
        : { error: 'ValidationException', status: 400, message: 'No.' },
    );
    const refused = async () => await vision.detect(BEDROCK_MODEL, { bytes: await noise, width: 200, height: 100 }, EVERYTHING);
    await expect(refused()).rejects.toMatchObject({ name: 'AnswerError', message: sentence(BEDROCK_MODEL) });
    expect(requests).toHaveLength(3);
    expect('toolConfig' in (requests[2]?.body ?? {})).toBe(true); // nothing was learned from it
    await expect(refused()).rejects.toMatchObject({ name: 'AnswerError' });
    expect(requests).toHaveLength(5); // the settings are known to be accepted
  });

  test('concerns the image if a plain one is accepted: OpenAI-compatible servers', async () => {
    const { vision, requests } = await openai(({ body }) =>
      isPlain(JSON.stringify(body.messages.at(-1)?.content[0]).length)
        ? says('{"detections":[]}')
        : { status: 422, message: 'No.' },
    );
    const refused = vision.detect(OPENAI_MODEL, { bytes: await noise, width: 200, height: 100 }, EVERYTHING);
    await expect(refused).rejects.toMatchObject({ name: 'AnswerError', message: sentence(OPENAI_MODEL) });
    expect(requests).toHaveLength(3);
  });

  test('concerns the model if nothing is accepted', async () => {
    const { vision, requests } = await openai({ status: 400, message: 'No.' });
    await expect(detect(vision, OPENAI_MODEL)).rejects.toMatchObject({
      name: 'UserError',
      message: `The model ${OPENAI_MODEL} cannot be used: the request was refused. Check the model id, and that the model accepts images and a JSON schema.`,
    });
    expect(requests).toHaveLength(4); // this image and a plain one, with settings and without
  });

  test('to correct an answer costs this image only', async () => {
    const { vision, requests } = await openai(says(''), { status: 400, message: 'No.' });
    await expect(detect(vision, OPENAI_MODEL)).rejects.toMatchObject({
      name: 'AnswerError',
      message: `No detections from ${OPENAI_MODEL}: the answer was empty, and its service refused the request for a correction. Choose another model.`,
    });
    expect(requests[1]?.body.messages[2]).toEqual({ role: 'assistant', content: '(nothing)' });
  });

  test('under a status of success keeps the id of its request for the log', async () => {
    const { vision } = await openai({ raw: '{"error":{"message":"Upstream error"}}' });
    await expect(detect(vision, OPENAI_MODEL)).rejects.toMatchObject({ cause: { requestID: OPENAI_ID, status: 502 } });
  });
});
