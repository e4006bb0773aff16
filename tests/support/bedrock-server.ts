// Bedrock's Converse API on loopback, as the SDK sees it: HTTP/2, REST JSON, errors by header and status.
// Answers from a script, one reply a request, the last one over and over; keeps what it was asked.
import { once } from 'node:events';
import { constants, createServer, type Http2ServerResponse, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import { onTestFinished } from 'vitest';

export type BedrockReply =
  | { body: object }
  | { error: string; status: number; message?: string }
  | { raw: string; status?: number }
  | { hang: 'before the head' | 'within the body' }
  | 'cut before the head'
  | 'cut within the body';

/** The id of every request that fails. */
export const REQUEST_ID = 'request-id-of-bedrock';

/** The parts of a Converse request that tests check. */
export interface ConverseRequest {
  model: string;
  headers: Record<string, string | string[] | undefined>;
  body: {
    system: { text: string }[];
    messages: { role: string; content: { text?: string; image?: { format: string; source: { bytes: string } } }[] }[];
    inferenceConfig: { maxTokens: number; temperature?: number };
    additionalModelRequestFields?: { thinking?: { type: string }; output_config?: { effort: string } };
    toolConfig: {
      tools: { toolSpec: { name: string; inputSchema: { json: object } } }[];
      toolChoice?: { tool: { name: string } };
    };
  };
}

export interface BedrockServer {
  endpoint: string;
  requests: ConverseRequest[];
}

export async function bedrockServer(
  ...script: (BedrockReply | ((request: ConverseRequest) => BedrockReply))[]
): Promise<BedrockServer> {
  const requests: ConverseRequest[] = [];
  const server = createServer((incoming, response) => {
    void (async () => {
      const model = /^\/model\/([^/]+)\/converse$/.exec(incoming.url)?.[1];
      if (incoming.method !== 'POST' || !model) return reply(response, { error: 'UnknownOperationException', status: 404 });
      const request = {
        model: decodeURIComponent(model),
        headers: incoming.headers,
        body: JSON.parse(await textOf(incoming)),
      } as ConverseRequest;
      requests.push(request);
      const next = script[Math.min(requests.length, script.length) - 1] ?? 'cut before the head';
      reply(response, typeof next === 'function' ? next(request) : next);
    })();
  });
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => sessions.add(session));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

/** A Converse answer that calls `tool` with `input`. */
export function toolUse(tool: string, input: unknown, tokens = { inputTokens: 1_000, outputTokens: 100 }): BedrockReply {
  return answer([{ toolUse: { toolUseId: 'tooluse_1', name: tool, input } }], 'tool_use', tokens);
}

export function answer(content: object[], stopReason: string, tokens = { inputTokens: 1_000, outputTokens: 100 }): BedrockReply {
  const usage = { ...tokens, totalTokens: tokens.inputTokens + tokens.outputTokens };
  return { body: { output: { message: { role: 'assistant', content } }, stopReason, usage, metrics: { latencyMs: 1 } } };
}

function reply(response: Http2ServerResponse, next: BedrockReply): void {
  if (next === 'cut before the head') {
    response.stream.session?.destroy();
  } else if (next === 'cut within the body' || 'hang' in next) {
    if (next !== 'cut within the body' && next.hang === 'before the head') return;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write('{"output":', () => {
      if (next === 'cut within the body') response.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    });
  } else if ('error' in next) {
    const { error, status, message = 'A message of the provider.' } = next;
    response.writeHead(status, { 'content-type': 'application/json', 'x-amzn-errortype': error, 'x-amzn-requestid': REQUEST_ID });
    response.end(JSON.stringify({ message }));
  } else {
    response.writeHead('raw' in next ? (next.status ?? 200) : 200, { 'content-type': 'application/json' });
    response.end('raw' in next ? next.raw : JSON.stringify(next.body));
  }
}

async function textOf(stream: Readable): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}
