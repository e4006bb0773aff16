// The official client of the Tasks extension, over the test server: it reads every answer as an agent's host does.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import {
  createTaskSessionFromClient,
  type JsonRpcResponse,
  type TaskEnabledSession,
} from '@modelcontextprotocol/ext-tasks/client';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import { ORIGIN, type TestServer } from './server.ts';
import { asked, DECLARING, VERSION } from './task-requests.ts';

const Request = z.object({ method: z.string(), params: z.record(z.string(), z.unknown()).default({}) });

/** Open until the test ends. */
export async function tasksClient(server: Pick<TestServer, 'fetch'>): Promise<TaskEnabledSession<void>> {
  const clientInfo = { name: 'test', version: '1' };
  const client = new Client(clientInfo, { versionNegotiation: { mode: { pin: VERSION } } });
  await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', ORIGIN), { fetch: server.fetch }));
  const session = createTaskSessionFromClient(client, {
    endpointId: 'test',
    rawDispatch: async (request) => {
      const { method, params } = Request.parse(request);
      const { result, error } = await asked(server, method, params);
      return JsonRpcAnswer.parse(error ? { kind: 'error', error } : { kind: 'result', result });
    },
    v2RequestFraming: { protocolVersion: VERSION, clientInfo, clientCapabilities: DECLARING },
  });
  onTestFinished(async () => {
    await session.close();
    await client.close();
  });
  return session;
}

const JsonRpcAnswer: z.ZodType<JsonRpcResponse> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('result'), result: z.json() }),
  z.object({ kind: z.literal('error'), error: z.object({ code: z.number(), message: z.string(), data: z.json().optional() }) }),
]);
