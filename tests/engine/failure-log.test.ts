// Why a step failed is in the log, with the provider's words, and in no answer: every adapter, with scripted errors behind the real
// wire format, through the real pipeline and engine.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { readMcpServerConfig } from '../../pipeline/config.ts';
import type { AnalysisRequest, ModelId } from '../../pipeline/contract/schemas.ts';
import type { Log, PipelineDeps, Vision } from '../../pipeline/ports.ts';
import { https } from '../../pipeline/sources/https-source.ts';
import { openSources, SOURCES } from '../../pipeline/sources/index.ts';
import { s3Blobs } from '../../pipeline/storage/s3-blobs.ts';
import { anthropicVision } from '../../pipeline/vision/llm/anthropic-vision.ts';
import { bedrockVision } from '../../pipeline/vision/llm/bedrock-vision.ts';
import { openaiVision } from '../../pipeline/vision/llm/openai-vision.ts';
import { onnxVision } from '../../pipeline/vision/onnx/onnx-vision.ts';
import {
  REQUEST_ID as ANTHROPIC_ID,
  type AnthropicReply,
  anthropicServer,
  message,
  toolCall,
} from '../support/anthropic-server.ts';
import { fakeCredentials } from '../support/aws-credentials.ts';
import { answer, REQUEST_ID as BEDROCK_ID, type BedrockReply, bedrockServer, toolUse } from '../support/bedrock-server.ts';
import { temporaryFolder } from '../support/folder.ts';
import { greyImage } from '../support/grey-image.ts';
import { completion, REQUEST_ID as OPENAI_ID, type OpenaiReply, openaiServer } from '../support/openai-server.ts';
import { pipelineStage, requestFor } from '../support/pipeline-run.ts';
import { scriptedVision } from '../support/scripted-vision.ts';
import { PUBLIC_IPV4, smallInternet } from '../support/small-internet.ts';
import { storeDoor } from '../support/store-door.ts';

/** Words of a provider: no sentence of ours has them. */
const WORDS = 'arn:aws:iam::111122223333:role/Zanzibar';
const LINE_BYTES_MAX = 8_000;
/** A throttled tile waits for 5 s. */
const TIME_FACTOR = 50;

interface Line {
  facts: object;
  sentence: string;
}

beforeEach(fakeCredentials);
afterEach(() => vi.unstubAllEnvs());

/** Runs an analysis, whose summary does not need `vision`. `answers` is everything that a caller could read of it. */
async function analyzed(
  vision: Vision,
  request: Partial<AnalysisRequest> = {},
  around: (deps: PipelineDeps) => PipelineDeps = (deps) => deps,
): Promise<{ lines: Line[]; answers: string }> {
  const lines: Line[] = [];
  const keep = (facts: object, sentence: string) => void lines.push({ facts, sentence });
  const log: Log = { debug: () => {}, info: keep, warn: keep, error: keep };
  const stage = await pipelineStage({ timeFactor: TIME_FACTOR });
  const { summarize } = scriptedVision();
  const eyes = { ...vision, summarize };
  const run = await stage.run({ ...requestFor(await greyImage(400, 200)), ...request }, eyes, (deps) => around({ ...deps, log }));
  const { state, progress, document } = run;
  return { lines, answers: JSON.stringify({ state, progress, document }) };
}

/** The one line of the step, once an attempt, short and with these facts. No other line has the provider's words. */
function expectCause({ lines, answers }: Awaited<ReturnType<typeof analyzed>>, facts: object, words = WORDS): void {
  const withWords = lines.filter((line) => JSON.stringify(line).includes(words));
  expect(withWords.length).toBeGreaterThan(0);
  for (const line of withWords) {
    expect(line).toMatchObject({ sentence: 'An attempt of a step failed.', facts: { execution: 'run-1', ...facts } });
    expect(JSON.stringify(line).length).toBeLessThan(LINE_BYTES_MAX);
  }
  const about = withWords.map(({ facts }) => ('tile' in facts ? facts.tile : 'the step'));
  expect(new Set(about).size).toBe(about.length); // each tile once
  expect(answers).not.toContain(words);
  expect(answers).toMatch(/"(FAILED|BLOCKED)"/);
}

const detectingWith = (model: ModelId): Partial<AnalysisRequest> => ({
  models: { ...requestFor('').models, moderation: null, detection: [model] },
});

describe('the log of a step names the cause, which no answer does:', () => {
  const refused = answer([{ text: WORDS }], 'content_filtered');
  const unusable = answer([{ text: WORDS }], 'end_turn');
  const cutOff = answer([{ text: WORDS }], 'max_tokens');
  const bedrockError = (error: string, status: number): BedrockReply => ({ error, status, message: `${error}: ${WORDS}` });
  const BEDROCK: [string, BedrockReply, object][] = [
    ...(
      [
        ['AccessDeniedException', 403],
        ['ResourceNotFoundException', 404],
        ['ValidationException', 400],
        ['ServiceQuotaExceededException', 402],
        ['UnrecognizedClientException', 403],
        ['SomethingElseException', 418],
      ] as const
    ).map(([name, status]): [string, BedrockReply, object] => [
      name,
      bedrockError(name, status),
      { causes: [{ name: 'UserError' }, { name, request_id: BEDROCK_ID, status }] },
    ]),
    ['a refused answer', refused, { causes: [{ name: 'AnswerError' }, { name: 'Error' }] }],
    ['an unusable answer', unusable, { causes: [{ name: 'AnswerError' }, { name: 'Error' }] }],
    ['an answer that was cut off', cutOff, { causes: [{ name: 'AnswerError' }, { name: 'Error' }] }],
  ];

  test.each(BEDROCK)('Bedrock: %s', async (_, reply, facts) => {
    const { endpoint } = await bedrockServer(reply);
    const model = 'bedrock:us.amazon.nova-lite-v1:0';
    const tile = expect.stringMatching(/^tile-/);
    expectCause(await analyzed(bedrockVision({ endpoint }), detectingWith(model)), { model, tile, ...facts });
  });

  const openaiError = (status: number, code?: string): [string, OpenaiReply, object] => {
    const reply = { status, message: `${status}: ${WORDS}`, ...(code === undefined ? {} : { code }) };
    return [`${status} ${code ?? ''}`, reply, { causes: [{ message: expect.any(String) }, { status, request_id: OPENAI_ID }] }];
  };
  const twoCauses = { causes: [{ name: 'AnswerError' }, {}] };
  const OPENAI: [string, OpenaiReply, object][] = [
    ...[400, 401, 402, 403, 404, 418, 422].map((status) => openaiError(status)),
    openaiError(400, 'content_filter'),
    ['a refused answer', completion({ refusal: WORDS }), twoCauses],
    ['an unusable answer', completion({ content: WORDS }), twoCauses],
    ['an answer that was cut off', completion({ content: WORDS, finish_reason: 'length' }), twoCauses],
  ];

  test.each(OPENAI)('OpenAI: %s', async (_, reply, facts) => {
    const { baseUrl } = await openaiServer(reply);
    const model = 'openai:seeing:8b';
    const tile = expect.stringMatching(/^tile-/);
    expectCause(await analyzed(openaiVision({ baseUrl, apiKey: null }), detectingWith(model)), { model, tile, ...facts });
  });

  const anthropicError = (status: number, words = WORDS): [string, AnthropicReply, object] => [
    String(status),
    { status, message: `${status}: ${words}` },
    { causes: [{ message: expect.any(String) }, { status, request_id: ANTHROPIC_ID }] },
  ];
  const ANTHROPIC: [string, AnthropicReply, object][] = [
    ...[400, 401, 402, 403, 404, 413, 418].map((status) => anthropicError(status)),
    anthropicError(400, `Output blocked by content filtering policy ${WORDS}`),
    ['a refused answer', message([{ type: 'text', text: WORDS }], 'refusal'), twoCauses],
    ['an unusable answer', message([{ type: 'text', text: WORDS }], 'end_turn'), twoCauses],
    ['an answer that was cut off', message([{ type: 'text', text: WORDS }], 'max_tokens'), twoCauses],
  ];

  test.each(ANTHROPIC)('Anthropic: %s', async (_, reply, facts) => {
    const { baseUrl } = await anthropicServer(reply);
    const model = 'anthropic:claude-sonnet-5';
    const tile = expect.stringMatching(/^tile-/);
    expectCause(await analyzed(anthropicVision({ baseUrl, apiKey: 'sk-ant-fake' }), detectingWith(model)), {
      model,
      tile,
      ...facts,
    });
  });

  test('a local model whose files are damaged', async () => {
    const modelsFolder = await temporaryFolder();
    await writeFile(join(modelsFolder, 'checksums.json'), `["${WORDS}"`);
    const run = await analyzed(onnxVision({ modelsFolder }), detectingWith('onnx:nanodet'));
    expectCause(run, { model: 'onnx:nanodet', tile: expect.stringMatching(/^tile-/) }, 'after array element in JSON');
  });

  test('a store on S3', async () => {
    const { endpoint } = await storeDoor((_, response) => {
      response.writeHead(403, { 'x-amz-request-id': 'request-id-of-s3', 'content-type': 'application/xml' });
      return Boolean(response.end(`<Error><Code>AccessDenied</Code><Message>${WORDS}</Message></Error>`));
    });
    const store = s3Blobs({ bucket: 'plans', endpoint, scratchFolder: await temporaryFolder(), materializeBytesMax: 1 });
    const run = await analyzed(scriptedVision(), {}, (deps) => ({ ...deps, blobs: { ...deps.blobs, putFile: store.putFile } }));
    expectCause(run, { step: 'tile', causes: [{ name: 'UserError' }, { status: 403, request_id: 'request-id-of-s3' }] });
  });

  test('an image on S3', async () => {
    const { endpoint } = await storeDoor((_, response) => {
      response.writeHead(403, { 'x-amz-request-id': 'request-id-of-s3', 'content-type': 'application/xml' });
      return Boolean(response.end(`<Error><Code>AccessDenied</Code><Message>${WORDS}</Message></Error>`));
    });
    const config = readMcpServerConfig({ BUCKET: 'own', PIPELINE_FUNCTION: 'pipeline:live', ALLOWED_BUCKETS: 'plans' });
    const { downloads } = openSources(SOURCES.aws, { ...config, ALLOWED_IMAGE_HOSTS: [], endpoint });
    const url = 's3://plans/plan.jpg';
    const image = { source: { kind: 'url', url } as const, uri: url, version: '1' };
    const run = await analyzed(scriptedVision(), { image }, (deps) => ({ ...deps, imageDownloads: downloads }));
    expectCause(run, { step: 'fetch', causes: [{ name: 'UserError' }, { status: 403, request_id: 'request-id-of-s3' }] });
  });

  test('an image on a web host', async () => {
    const place = await smallInternet({ 'images.example': [PUBLIC_IPV4] }, ({ socket }) => void socket.end('NOT HTTP\r\n\r\n'));
    const source = https.open({ ALLOWED_IMAGE_HOSTS: ['images.example'], internet: place.internet });
    const url = 'https://images.example/plan.jpg';
    const image = { source: { kind: 'url', url } as const, uri: url, version: url };
    const run = await analyzed(scriptedVision(), { image }, (deps) => ({ ...deps, imageDownloads: source }));
    expectCause(run, { step: 'fetch', causes: [{ name: 'UserError' }, { code: expect.stringMatching(/^HPE_/) }] }, 'HPE_');
  });
});

describe('the log of an attempt that fails temporarily names the cause, which no answer does:', () => {
  const CAT = { label: 'cat', box: [100, 100, 200, 200], description: 'A cat.', score: 0.9, severity: 'info', text: null };
  const tile = expect.stringMatching(/^tile-/);

  /** The first call fails, and the next attempt of its tile succeeds. */
  async function expectCauseOfFirst(vision: Vision, model: ModelId, facts: object): Promise<void> {
    const { lines, answers } = await analyzed(vision, detectingWith(model));
    const withWords = lines.filter((line) => JSON.stringify(line).includes(WORDS));
    expect(withWords).toHaveLength(1);
    expect(withWords[0]).toMatchObject({ facts: { execution: 'run-1', model, tile, ...facts } });
    expect(JSON.stringify(withWords[0]).length).toBeLessThan(LINE_BYTES_MAX);
    expect(answers).not.toContain(WORDS);
    expect(answers).toContain('"SUCCEEDED"');
  }

  test.each([
    ['ThrottlingException', 429],
    ['ServiceUnavailableException', 503],
    ['InternalServerException', 500],
    ['ModelNotReadyException', 429],
    ['ModelTimeoutException', 408],
    ['ExpiredTokenException', 403],
  ])('Bedrock: %s', async (error, status) => {
    const failure: BedrockReply = { error, status, message: `${error}: ${WORDS}` };
    let isFirst = true;
    const { endpoint } = await bedrockServer(() => {
      const reply = isFirst ? failure : toolUse('report_detections', { detections: [CAT] });
      isFirst = false;
      return reply;
    });
    const causes = [{ name: 'TransientError' }, { name: error, request_id: BEDROCK_ID, status }];
    await expectCauseOfFirst(bedrockVision({ endpoint }), 'bedrock:us.amazon.nova-lite-v1:0', { causes });
  });

  test.each([408, 409, 429, 500, 503])('OpenAI: %i', async (status) => {
    const usual = completion({ content: JSON.stringify({ detections: [CAT] }) });
    const { baseUrl } = await openaiServer({ status, message: `${status}: ${WORDS}` }, usual);
    const causes = [{ name: 'TransientError' }, { status, request_id: OPENAI_ID }];
    await expectCauseOfFirst(openaiVision({ baseUrl, apiKey: null }), 'openai:seeing:8b', { causes });
  });

  test.each([408, 429, 500, 529])('Anthropic: %i', async (status) => {
    const usual = toolCall('report_detections', { detections: [CAT] });
    const { baseUrl } = await anthropicServer({ status, message: `${status}: ${WORDS}` }, usual);
    const causes = [{ name: 'TransientError' }, { status, request_id: ANTHROPIC_ID }];
    await expectCauseOfFirst(anthropicVision({ baseUrl, apiKey: 'sk-ant-fake' }), 'anthropic:claude-sonnet-5', { causes });
  });
});

test('every step of the pipeline runs a body that logs its failure', async () => {
  const read = async (file: string) => await readFile(join(import.meta.dirname, '../../pipeline', file), 'utf8');
  const asking = await read('asking.ts');
  for (const [file, stepsMin] of [
    ['pipeline.ts', 3],
    ['shard.ts', 3],
    ['verdicts.ts', 1],
  ] as const) {
    const text = await read(file);
    const steps = [...text.matchAll(/ontext\s*\.step\(/g)];
    const bodies = [...text.matchAll(/ontext\s*\.step\(\s*[\w.]+(?:\([\w., ]+\))?,\s*(\w+)/g)].map(([, body]) => body);
    expect(bodies).toHaveLength(steps.length);
    expect(bodies.length).toBeGreaterThanOrEqual(stepsMin);
    for (const body of bodies) {
      const [, maker] = new RegExp(`const ${body} = (\\w+)\\(`).exec(text) ?? [null, body];
      const logs = new RegExp(`(?:function|const) ${maker}\\b[^]{0,250}?\\breturn loggingFailure\\(`);
      expect([file, body, maker === 'loggingFailure' || logs.test(text + asking)]).toEqual([file, body, true]);
    }
  }
});
