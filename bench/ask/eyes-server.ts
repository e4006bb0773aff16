// The scripted eyes behind a real HTTP server in the wire format of OpenAI: `openai:eyes` with OPENAI_BASE_URL.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Conversation, conversationIn } from './chat-request.ts';
import { nextCall } from './scripted-eyes.ts';

export interface EyesServer {
  baseUrl: string;
  /** Every request, as it came. */
  asked: { question: string; turn: number }[];
  close(): void;
}

export interface EyesOptions {
  /** How the server takes tools: it forces a call, or refuses them as some servers do. */
  tools?: 'taken' | 'refused';
  answerMs?: number;
  /** Called before each answer. */
  onAsked?: (conversation: Conversation) => void;
}

export async function eyesServer({ tools = 'taken', answerMs = 0, onAsked }: EyesOptions = {}): Promise<EyesServer> {
  const asked: EyesServer['asked'] = [];
  const server = createServer((incoming, response) => {
    const reply = async () => {
      const body: unknown = await json(incoming);
      const offered = typeof body === 'object' && body !== null && 'tools' in body;
      if (offered && tools === 'refused')
        return { status: 400, body: { error: { message: 'This model does not support tools.' } } };
      const conversation = conversationIn(body);
      asked.push({ question: conversation.question, turn: conversation.turn });
      onAsked?.(conversation);
      await sleep(answerMs);
      const { tool, input } = await nextCall(conversation);
      const called = { id: 'call_1', type: 'function', function: { name: tool, arguments: JSON.stringify(input) } };
      const message = offered
        ? { role: 'assistant', content: null, tool_calls: [called] }
        : { role: 'assistant', content: JSON.stringify({ tool, ...input }) };
      const usage = { prompt_tokens: 500 + 1_000 * conversation.images.length, completion_tokens: 100 };
      return { status: 200, body: { object: 'chat.completion', choices: [{ index: 0, message, finish_reason: 'stop' }], usage } };
    };
    reply().then(
      ({ status, body }) => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(body));
      },
      (error: unknown) => {
        response.writeHead(500, { 'content-type': 'text/plain' });
        response.end(String(error));
      },
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${address.port}/v1`,
    asked,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
