// Anthropic's Messages API on loopback: POST /v1/messages, errors as {type: 'error', error: {type, message}, request_id}.
// Answers from a script, one reply a request, the last one over and over; keeps what it was asked.
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type Anthropic from '@anthropic-ai/sdk';
import { onTestFinished } from 'vitest';

export type AnthropicReply =
  | { body: object }
  | { status: number; type?: string; code?: string; message?: string }
  | { raw: string; type?: string }
  | { hang: 'before the head' | 'within the body' }
  | 'cut before the head'
  | 'cut within the body';

/** The id of every request that fails. */
export const REQUEST_ID = 'request-id-of-anthropic';

/** The parts of a request that tests check. */
export interface MessagesRequest {
  headers: Record<string, string | string[] | undefined>;
  body: Omit<Anthropic.MessageCreateParamsNonStreaming, 'system' | 'tools'> & {
    system: Anthropic.TextBlockParam[];
    tools: Anthropic.Tool[];
    temperature?: number;
  };
}

export interface AnthropicServer {
  baseUrl: string;
  requests: MessagesRequest[];
}

export async function anthropicServer(
  ...script: (AnthropicReply | ((request: MessagesRequest) => AnthropicReply))[]
): Promise<AnthropicServer> {
  const requests: MessagesRequest[] = [];
  const server = createServer((incoming, response) => {
    void (async () => {
      if (incoming.method !== 'POST' || incoming.url !== '/v1/messages') return reply(response, { status: 404 });
      const request = { headers: incoming.headers, body: JSON.parse(await text(incoming)) } as MessagesRequest;
      requests.push(request);
      const next = script[Math.min(requests.length, script.length) - 1] ?? 'cut before the head';
      reply(response, typeof next === 'function' ? next(request) : next);
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

export type TokenCounts = Partial<
  Pick<Anthropic.Usage, 'input_tokens' | 'output_tokens' | 'cache_read_input_tokens' | 'cache_creation_input_tokens'>
>;

/** An answer that calls `tool` with `input`. */
export function toolCall(tool: string, input: unknown, usage?: TokenCounts): AnthropicReply {
  return message([{ type: 'tool_use', id: 'toolu_1', name: tool, input }], 'tool_use', usage);
}

export function message(content: object[], stop_reason: Anthropic.StopReason, usage: TokenCounts = {}): AnthropicReply {
  const counts = {
    input_tokens: 1_000,
    output_tokens: 100,
    cache_read_input_tokens: null,
    cache_creation_input_tokens: null,
    ...usage,
  };
  return {
    body: {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'served',
      content,
      stop_reason,
      stop_sequence: null,
      usage: counts,
    },
  };
}

function reply(response: ServerResponse, next: AnthropicReply): void {
  if (next === 'cut before the head') {
    response.destroy();
  } else if (next === 'cut within the body' || 'hang' in next) {
    if (next !== 'cut within the body' && next.hang === 'before the head') return;
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1_000 });
    response.write('{"content":', () => {
      if (next === 'cut within the body') response.destroy();
    });
  } else if ('status' in next) {
    const { status, type = 'some_error', code, message: words = 'A message of the provider.' } = next;
    const details = code === undefined ? null : { error_code: code };
    response.writeHead(status, { 'content-type': 'application/json', 'request-id': REQUEST_ID });
    response.end(JSON.stringify({ type: 'error', error: { type, message: words, details }, request_id: REQUEST_ID }));
  } else {
    const type = 'raw' in next ? (next.type ?? 'application/json') : 'application/json';
    response.writeHead(200, { 'content-type': type });
    response.end('raw' in next ? next.raw : JSON.stringify(next.body));
  }
}
