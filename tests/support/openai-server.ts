// An OpenAI-compatible server on loopback: POST /v1/chat/completions, errors as {error: {message, type, code}}.
// Answers from a script, one reply a request, the last one over and over; keeps what it was asked.
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

export type OpenaiReply =
  | { body: object }
  | { status: number; code?: string; param?: string; message?: string }
  | { raw: string; type?: string; status?: number }
  | { hang: 'before the head' | 'within the body' }
  | 'cut before the head'
  | 'cut within the body';

/** The id of every request. */
export const REQUEST_ID = 'request-id-of-openai';

/** The parts of a request that tests check. */
export interface ChatRequest {
  headers: Record<string, string | string[] | undefined>;
  body: {
    model: string;
    messages: {
      role: string;
      content: string | { type: string; text?: string; image_url?: { url: string; detail: string } }[];
    }[];
    response_format: { type: string; json_schema: { name: string; strict: boolean; schema: object } };
    temperature?: number;
    max_tokens?: number;
    max_completion_tokens?: number;
  };
}

export interface OpenaiServer {
  baseUrl: string;
  requests: ChatRequest[];
}

export async function openaiServer(
  ...script: (OpenaiReply | ((request: ChatRequest) => OpenaiReply | Promise<OpenaiReply>))[]
): Promise<OpenaiServer> {
  const requests: ChatRequest[] = [];
  const server = createServer((incoming, response) => {
    void (async () => {
      if (incoming.method !== 'POST' || incoming.url !== '/v1/chat/completions') return reply(response, { status: 404 });
      const request = { headers: incoming.headers, body: JSON.parse(await text(incoming)) } as ChatRequest;
      requests.push(request);
      const next = script[Math.min(requests.length, script.length) - 1] ?? 'cut before the head';
      reply(response, typeof next === 'function' ? await next(request) : next);
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, requests };
}

export interface CompletionParts {
  content?: string | null;
  refusal?: string | null;
  finish_reason?: string;
  /** `null` if the server counts none. */
  usage?: { prompt_tokens: number; completion_tokens: number } | null;
}

export function completion({ content = null, refusal = null, finish_reason = 'stop', usage }: CompletionParts): OpenaiReply {
  const message = { role: 'assistant', content, refusal };
  const tokens = usage === undefined ? { prompt_tokens: 1_000, completion_tokens: 100 } : usage;
  return {
    body: {
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 1,
      model: 'served',
      choices: [{ index: 0, message, finish_reason, logprobs: null }],
      ...(tokens && { usage: { ...tokens, total_tokens: tokens.prompt_tokens + tokens.completion_tokens } }),
    },
  };
}

function reply(response: ServerResponse, next: OpenaiReply): void {
  if (next === 'cut before the head') {
    response.destroy();
  } else if (next === 'cut within the body' || 'hang' in next) {
    if (next !== 'cut within the body' && next.hang === 'before the head') return;
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1_000 });
    response.write('{"choices":', () => {
      if (next === 'cut within the body') response.destroy();
    });
  } else if ('status' in next && !('raw' in next)) {
    const { status, code = null, param = null, message = 'A message of the provider.' } = next;
    response.writeHead(status, { 'content-type': 'application/json', 'x-request-id': REQUEST_ID });
    response.end(JSON.stringify({ error: { message, type: 'some_error', param, code } }));
  } else {
    const type = 'raw' in next ? (next.type ?? 'application/json') : 'application/json';
    response.writeHead(('raw' in next ? next.status : undefined) ?? 200, { 'content-type': type, 'x-request-id': REQUEST_ID });
    response.end('raw' in next ? next.raw : JSON.stringify(next.body));
  }
}
