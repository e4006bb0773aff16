// Requests of 2026-07-28 written out by hand, for what the official clients do not speak: the Tasks extension.
import { z } from 'zod';
import { ORIGIN, type TestServer } from './server.ts';

export const TASKS = 'io.modelcontextprotocol/tasks';
export const VERSION = '2026-07-28';
export const DECLARING = { extensions: { [TASKS]: {} } };

const Answer = z.object({
  result: z.record(z.string(), z.unknown()).optional(),
  error: z.object({ code: z.number(), message: z.string(), data: z.unknown().optional() }).optional(),
});

/** One request with its headers, by a client with these capabilities. */
export async function asked(
  server: Pick<TestServer, 'fetch'>,
  method: string,
  params: Record<string, unknown>,
  capabilities: object = DECLARING,
) {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': VERSION,
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': capabilities,
  };
  const response = await server.fetch(`${ORIGIN}/mcp`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': VERSION,
      'mcp-method': method,
      'mcp-name': String(params.name ?? params.taskId),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } }),
  });
  return { status: response.status, ...Answer.parse(await response.json()) };
}
