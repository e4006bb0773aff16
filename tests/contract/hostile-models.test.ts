// Servers that answer with too much, too deeply, or for too long, through the real clients: one call fails in time, and nothing else does.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, onTestFinished, test } from 'vitest';
import { failureFacts } from '../../pipeline/contract/causes.ts';
import { Usage } from '../../pipeline/contract/schemas.ts';
import type { Vision } from '../../pipeline/ports.ts';
import { anthropicVision } from '../../pipeline/vision/llm/anthropic-vision.ts';
import { openaiVision } from '../../pipeline/vision/llm/openai-vision.ts';
import { CAT, CAT_IN_TILE, EVERYTHING } from '../support/cat-tile.ts';
import { completion, openaiServer } from '../support/openai-server.ts';

const KEY = 'sk-a-key-that-nobody-may-see';
const PROVIDERS = ['openai', 'anthropic'] as const;
type Provider = (typeof PROVIDERS)[number];
type Act = (request: IncomingMessage, response: ServerResponse) => void;

async function listening(act: Act, host = '127.0.0.1'): Promise<string> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => act(request, response));
  });
  server.listen(0, host);
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://${host}:${(server.address() as AddressInfo).port}`;
}

function visionOf(provider: Provider, base: string, timeoutMs = 20_000): Vision {
  return provider === 'openai'
    ? openaiVision({ baseUrl: `${base}/v1`, apiKey: KEY, timeoutMs })
    : anthropicVision({ baseUrl: base, apiKey: KEY, timeoutMs });
}

async function tile() {
  const white = { width: 200, height: 100, channels: 3, background: 'white' } as const;
  return { bytes: await sharp({ create: white }).jpeg().toBuffer(), width: 200, height: 100 };
}

async function detected(provider: Provider, vision: Vision) {
  const began = performance.now();
  const outcome = await vision.detect(`${provider}:m`, await tile(), EVERYTHING).catch((error: unknown) => error);
  expect(performance.now() - began).toBeLessThan(5_000);
  return outcome;
}

const sends =
  (body: string | Buffer, headers: Record<string, string> = {}, status = 200): Act =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(body);
  };
const nested = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;

describe.each(PROVIDERS)('%s:', (provider) => {
  test('an answer without end fails once it is longer than any answer of a model', async () => {
    const base = await listening((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const write = () => {
        while (!response.destroyed && response.write(Buffer.alloc(1_000_000, 32)));
      };
      response.on('drain', write);
      write();
    });
    expect(await detected(provider, visionOf(provider, base))).toMatchObject({
      name: 'AnswerError',
      message: expect.stringMatching(/longer than 4194304 bytes/),
    });
  });

  test('a small answer that unpacks to gigabytes does, too', async () => {
    const base = await listening(sends(gzipSync(Buffer.alloc(200_000_000, 32)), { 'content-encoding': 'gzip' }));
    expect(await detected(provider, visionOf(provider, base))).toMatchObject({ name: 'AnswerError' });
  });

  test('an answer that drips ends at the timeout of the call', async () => {
    const base = await listening((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const drip = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(drip));
    });
    expect(await detected(provider, visionOf(provider, base, 300))).toMatchObject({ name: 'TransientError' });
  });

  test.each([
    ['an answer', sends(`{"choices":[{"message":{"content":{"deep":${nested}}}}],"content":[{"type":"x","deep":${nested}}]}`)],
    ['an error', sends(`{"error":{"message":"No.","details":${nested}}}`, {}, 400)],
  ])('%s that is nested too deeply is a damaged one', async (_, act) => {
    expect(await detected(provider, visionOf(provider, await listening(act)))).toMatchObject({ name: 'TransientError' });
  });

  test('an error that repeats itself is read in time', async () => {
    const message = 'image is '.repeat(300_000);
    const base = await listening(
      sends(JSON.stringify({ type: 'error', error: { type: 'invalid_request_error', message } }), {}, 400),
    );
    expect(await detected(provider, visionOf(provider, base))).toMatchObject({ name: 'UserError' });
  });

  test('an error that repeats the key does not bring it into the log', async () => {
    const act: Act = ({ headers }, response) => {
      response.writeHead(401, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: { message: `Wrong key: ${headers.authorization} ${headers['x-api-key']}` } }));
    };
    const error = await detected(provider, visionOf(provider, await listening(act)));
    expect(error).toMatchObject({ name: 'UserError', message: expect.stringContaining('the key was refused') });
    expect(JSON.stringify(failureFacts(error))).toMatch(/Wrong key: .*\[key\]/);
    expect(JSON.stringify(failureFacts(error))).not.toContain(KEY);
  });

  test('neither the image nor the key follows a redirect to another host', async () => {
    const asked: string[] = [];
    const other = await listening((request, response) => {
      asked.push(JSON.stringify(request.headers));
      response.end();
    }, '127.0.0.2');
    const base = await listening((_, response) => {
      response.writeHead(307, { location: `${other}/v1/chat/completions` }).end();
    });
    expect(await detected(provider, visionOf(provider, base))).toMatchObject({
      name: 'UserError',
      message: expect.stringMatching(/redirects to another address\. Set the base URL/),
    });
    expect(asked).toEqual([]);
  });

  test('a redirect on the same host is followed, one in circles is not', async () => {
    const paths: string[] = [];
    const base = await listening((request, response) => {
      paths.push(request.url ?? '');
      response.writeHead(308, { location: `${request.url}/` }).end();
    });
    expect(await detected(provider, visionOf(provider, base))).toMatchObject({ name: 'UserError' });
    expect(paths).toHaveLength(4);
    expect(paths[1]).toBe(`${paths[0]}/`);
  });
});

test('10,000 detections cost no tile: the first 1,000 are kept, with a note', async () => {
  const content = `{"detections":[${Array.from({ length: 10_000 }, () => '{"label":"a","box":[1,2,3,4]}').join(',')}]}`;
  const { baseUrl } = await openaiServer(completion({ content }));
  const answered = await openaiVision({ baseUrl, apiKey: null }).detect('openai:m', await tile(), EVERYTHING);
  expect(answered.detections).toHaveLength(1_000);
  expect(answered.notes).toContain('openai:m reported more than 1000 objects in one answer; only the first 1000 are kept.');
});

test('a correction does not send millions of characters back', async () => {
  const { baseUrl, requests } = await openaiServer(
    completion({ content: `No form. ${'words '.repeat(100_000)}\ud800` }),
    completion({ content: JSON.stringify({ detections: [CAT] }) }),
  );
  const answered = await openaiVision({ baseUrl, apiKey: null }).detect('openai:qwen3-vl:8b', await tile(), EVERYTHING);
  expect(answered.detections).toMatchObject([CAT_IN_TILE]);
  expect(String(requests[1]?.body.messages.find(({ role }) => role === 'assistant')?.content)).toHaveLength(20_000);
});

test.each([9_007_199_254_740_991, 1e300, -5, '7e99', 'many', {}, [3, 4]])(
  'a count of %j tokens is no count, and sums of them stay whole numbers',
  async (count) => {
    const usage = { prompt_tokens: count, completion_tokens: count } as { prompt_tokens: number; completion_tokens: number };
    const { baseUrl } = await openaiServer(completion({ content: '{"detections":[]}', usage }));
    const answered = await openaiVision({ baseUrl, apiKey: null }).detect('openai:gpt-4o', await tile(), EVERYTHING);
    expect(Usage.parse(answered.usage)).toEqual({ input_tokens: 0, output_tokens: 0, cost_usd: null });
    expect(answered.notes.join(' ')).toContain('does not count tokens');
  },
);

test('an answer in another content type, and one as a stream, keep the thoughts apart from the form', async () => {
  const parts = ['<think>', '[{"label":"dog","box":[1,2,3,4]}]', '</think>', JSON.stringify({ detections: [CAT] })];
  const whole = JSON.stringify({ choices: [{ finish_reason: 'stop', message: { content: parts.join('') } }] });
  const stream = parts.map((content) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`).join('');
  for (const reply of [
    { raw: whole, type: 'text/plain' },
    { raw: `${stream}data: [DONE]\n\n`, type: 'text/event-stream' },
  ]) {
    const { baseUrl } = await openaiServer(reply);
    const answered = await openaiVision({ baseUrl, apiKey: null }).detect('openai:qwen3-vl:8b', await tile(), EVERYTHING);
    expect(answered.detections).toMatchObject([CAT_IN_TILE]);
  }
});

test.each([
  ['is useless', completion({ content: 'No.' }), 5, 5_000],
  ['is throttled', { status: 429 }, 3, 1_000],
])('a half of a tile whose answer %s does not cost what the whole tile has shown', async (_, half, calls, tokens) => {
  const content = `{"detections":[${JSON.stringify(CAT)},{"label":"dog","left":1`;
  const { baseUrl, requests } = await openaiServer(completion({ content, finish_reason: 'length' }), half);
  const answered = await openaiVision({ baseUrl, apiKey: null }).detect('openai:qwen3-vl:8b', await tile(), EVERYTHING);
  expect(answered.detections).toMatchObject([CAT_IN_TILE]);
  expect(answered.notes.join(' ')).toContain('could not list all objects of a tile in one answer; some may be missing');
  expect(requests).toHaveLength(calls);
  expect(answered.usage.input_tokens).toBe(tokens);
});
