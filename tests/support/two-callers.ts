// Two callers of a server where each sees only its own: a first one with work, and requests as they go over the wire.
import { expect } from 'vitest';
import type { AnyTool } from '../../mcp-server/tools/define.ts';
import { indexed } from '../../pipeline/findings/index-entry.ts';
import { ROLE, USER } from './function-url.ts';
import { connected, type TestClient } from './mcp-clients.ts';
import type { Ids } from './owned-arguments.ts';
import { type TestServer, testServer } from './server.ts';
import { ends, finding, Page, Started, Upload, uploadedImage } from './tool-calls.ts';

const URL_OF = 'https://abcdefghij.lambda-url.us-east-1.on.aws/mcp';
const PROTOCOL = '2026-07-28';

export interface Asked {
  method: string;
  name?: string;
  params: Record<string, unknown>;
}

export const toolCall = (name: string, args: Record<string, unknown>): Asked => ({
  method: 'tools/call',
  name,
  params: { name, arguments: args },
});
export const task = (method: string, taskId: string): Asked => ({ method, name: taskId, params: { taskId } });

/** The whole answer, as it comes over the wire. */
export async function answerTo({ method, name, params }: Asked, { fetch }: Pick<TestServer, 'fetch'>): Promise<string> {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': PROTOCOL,
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': { extensions: { 'io.modelcontextprotocol/tasks': {} } },
  };
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': PROTOCOL,
    'mcp-method': method,
    ...(name !== undefined && /^[\x20-\x7e]*$/.test(name) && { 'mcp-name': name }),
  };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } });
  const response = await fetch(URL_OF, { method: 'POST', headers, body });
  return `${response.status} ${await response.text()}`;
}

export async function firstHasWork(imageOf: (server: TestServer, client: TestClient) => Promise<string> = uploadedImage) {
  const server = await testServer({ isolation: 'caller', script: ends([finding(1), finding(2)], [0]) });
  const [first, second] = [server.as(USER), server.as(ROLE)];
  const client = await connected('2.x pinned to 2026-07-28', first);
  const image = await imageOf(server, client);
  const { execution_id } = await client.call('analyze_image', { image }, Started);
  const upload_id = await uploadedBy(server, client);
  const document = await client.call('list_findings', { execution_id }, Page);
  const { entry, keys } = indexed(
    { ...document, findings: [finding(1)], execution_id } as unknown as Parameters<typeof indexed>[0],
    new Date(1e12).toISOString(),
    execution_id.split('-').at(-1) ?? null,
  );
  for (const key of keys) await server.blobs.put(key, Buffer.from(JSON.stringify(entry)));
  return { server, first, second, client, image, execution_id, upload_id };
}

/** An upload that has been sent. */
async function uploadedBy(server: TestServer, client: TestClient): Promise<string> {
  const upload = await client.call('create_upload', { file_name: 'secret.png', bytes: 6 }, Upload);
  expect((await server.fetch(upload.url, { method: 'PUT', body: 'pixels' })).status).toBe(204);
  return upload.upload_id;
}

/** An id of the same length and form that does not exist. */
export const unknownLike = (id: string) => id.replace(/[0-9a-f]{16}(?=-[0-9a-f]{12}$)/, '0123456789abcdef');
export const unknownUpload = (id: string) => id.replace(/[0-9a-f]{20}(?=-[0-9a-f]{12}$)/, '0123456789abcdef0123');

/** A first caller with an analysis of an upload, and ids of the same form that name nothing. */
export async function firstHasIds() {
  const { image, execution_id, ...work } = await firstHasWork(uploadedBy);
  const ids: Ids = { execution: execution_id, image };
  const unknown: Ids = { execution: unknownLike(execution_id), image: unknownUpload(image) };
  const withoutIds = (text: string) =>
    [...Object.values(ids), ...Object.values(unknown)].reduce((rest, id) => rest.replaceAll(id, 'ID'), text);
  return { ...work, ids, unknown, withoutIds };
}

/** What the caller learns: the words of a refusal, or which of the ids an answer names that the call did not. */
export async function learned(
  tool: AnyTool,
  args: Record<string, unknown>,
  caller: Pick<TestServer, 'fetch'>,
  ids: Ids,
): Promise<string> {
  const answer = await answerTo(toolCall(tool.name, args), caller);
  const sent = Object.values(args).flat().map(String);
  if (/isError|"error"/.test(answer)) return sent.reduce((rest, text) => rest.replaceAll(text, 'SENT'), answer);
  const named = Object.entries(ids).filter(([, id]) => answer.includes(id) && !sent.includes(id));
  return `Names ${named.map(([kind]) => kind).join(' and ')}.`;
}
