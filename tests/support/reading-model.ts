// A scripted model behind HTTP that answers questions by reading: it reads the upper left part of the image, and cites the line after the one
// that the question names. For the worked examples of the skills.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { z } from 'zod';

const PART = { image: 0, left: 0, top: 0, right: 240, bottom: 140 };
const Line = z.object({ text: z.string().nullable(), left: z.number(), top: z.number(), right: z.number(), bottom: z.number() });
const Request = z.object({ messages: z.array(z.looseObject({ role: z.string(), content: z.unknown() })) });

export async function readingModel(): Promise<{ baseUrl: string; close(): void }> {
  const server = createServer((incoming, response) => {
    void json(incoming).then((body) => {
      const words = JSON.stringify(Request.parse(body).messages);
      const [name, input] = nextStep(words.replaceAll('\\\\"', '"').replaceAll('\\"', '"').replaceAll('\\n', '\n'));
      const called = { id: 'call_1', type: 'function', function: { name, arguments: JSON.stringify(input) } };
      const message = { role: 'assistant', content: null, tool_calls: [called] };
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify({ choices: [{ finish_reason: 'stop', message }], usage: { prompt_tokens: 1_000, completion_tokens: 50 } }),
      );
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function nextStep(words: string): [tool: string, input: object] {
  const asked = /How large is the ([\w ]+)\?/.exec(words)?.[1] ?? '';
  const found = /<found>\n(.*?)\n<\/found>/s.exec(words)?.[1];
  if (found === undefined) return ['read', { note: 'Names of rooms may be there.', ...PART }];
  const lines = z.array(Line).parse(JSON.parse(found));
  const name = lines.find(({ text }) => text?.toLowerCase().includes(asked));
  const below = lines
    .filter(({ text, left, top }) => name && text?.endsWith('m2') && Math.abs(left - name.left) < 30 && top > name.top)
    .sort((a, b) => a.top - b.top);
  const [size] = below;
  if (!size) return ['answer', { note: '', text: `The plan shows no ${asked}.`, found: false, confidence: 0.8, evidence: [] }];
  const evidence = [{ ...size, image: 1, label: 'text' }];
  return ['answer', { note: '', text: `The ${asked} has ${size.text}.`, found: true, confidence: 0.9, evidence }];
}
