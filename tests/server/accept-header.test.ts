// Plain HTTP clients, without an MCP library: what they accept, and that their answer is JSON.
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { ORIGIN, testServer } from '../support/server.ts';

const Answer = z.object({ id: z.literal(1), result: z.looseObject({ tools: z.array(z.looseObject({})) }) });

async function listed(accept: string | null, headers: Record<string, string> = {}) {
  const server = await testServer();
  return await server.fetch(`${ORIGIN}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(accept !== null && { accept }), ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} }),
  });
}

describe.each(['2025-06-18', '2025-03-26'])('a script of protocol %s', (version) => {
  test.each(['*/*', 'application/json', 'application/json, text/plain, */*', null])(
    'that accepts %j gets JSON',
    async (accept) => {
      const response = await listed(accept, { 'mcp-protocol-version': version });
      expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json']);
      expect(Answer.parse(await response.json()).result.tools.length).toBeGreaterThanOrEqual(7);
    },
  );

  test('that accepts both types gets a stream, as before', async () => {
    const response = await listed('application/json, text/event-stream', { 'mcp-protocol-version': version });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
  });

  test.each(['text/html', 'image/png'])('that accepts only %s is refused', async (accept) => {
    expect((await listed(accept, { 'mcp-protocol-version': version })).status).toBe(406);
  });
});

test('a notification has no answer, whatever its sender accepts', async () => {
  const server = await testServer();
  const response = await server.fetch(`${ORIGIN}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: '*/*' },
    body: JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }),
  });
  expect([response.status, await response.text()]).toEqual([202, '']);
});
