import { describe, expect, test } from 'vitest';
import type { Caller } from '../../mcp-server/access/deps.ts';
import { functionUrlHandler } from '../../mcp-server/aws/function-url.ts';
import { ExecutionView } from '../../mcp-server/executions/status.ts';
import type { Log } from '../../pipeline/ports.ts';
import { functionUrlFetch, ROLE, USER } from '../support/function-url.ts';
import { CLIENTS, connected } from '../support/mcp-clients.ts';
import { testServer } from '../support/server.ts';
import { ends, finding, Page, Started, Upload } from '../support/tool-calls.ts';

const quiet = () => {};
const SILENT: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
const URL_OF = 'https://abcdefghij.lambda-url.us-east-1.on.aws';

/** What comes through to MCP, and who asks. */
function recorder(answer: () => Response = () => Response.json({ ok: true })) {
  const seen: { request: Request; text: string; caller: Caller }[] = [];
  const handler = functionUrlHandler({
    mcp: async (request, caller) => {
      seen.push({ request, caller, text: await request.clone().text() });
      return answer();
    },
    log: SILENT,
  });
  return { seen, handler };
}

describe.each(CLIENTS)('a client %s behind a Function URL', (kind) => {
  test('uploads, analyzes, lists and reads the report', async () => {
    const server = await testServer({ script: ends([finding(1), finding(2)]) });
    const client = await connected(kind, server.as(USER));
    const upload = await client.call('create_upload', { file_name: 'Plan ü.png', bytes: 6 }, Upload);
    expect(await server.fetch(upload.url, { method: 'PUT', body: 'pixels' })).toMatchObject({ status: 204 });
    const { execution_id } = await client.call('analyze_image', { image: upload.upload_id }, Started);
    const view = await client.call('get_execution', { execution_id }, ExecutionView);
    expect(view.status).toBe('SUCCEEDED');
    const page = await client.call('list_findings', { execution_id }, Page);
    expect(page.totals.findings).toBe(2);
    const report = await client.readResource(`tilesight://executions/${execution_id}`);
    expect(report.text).toContain(`Started by ${USER.name}`);
  });
});

describe('a request through a Function URL', () => {
  test('arrives as it was sent, as text and as base64', async () => {
    const { seen, handler } = recorder();
    const fetch = functionUrlFetch(handler, USER);
    for (let attempt = 0; attempt < 2; attempt++) {
      const body = JSON.stringify({ text: 'ü, 漢字, \u0000' });
      const headers = { 'content-type': 'application/json', 'mcp-method': 'tools/list', cookie: 'a=1; b=2' };
      expect((await fetch(`${URL_OF}/mcp?x=1&y=%2F`, { method: 'POST', body, headers })).status).toBe(200);
      const { request, text } = seen[attempt] ?? { request: new Request(URL_OF), text: '' };
      expect(text).toBe(body);
      expect(request.url).toBe(`${URL_OF}/mcp?x=1&y=%2F`);
      expect(request.headers.get('mcp-method')).toBe('tools/list');
    }
  });

  test('has the caller that IAM authenticated; the caller of a session is its role', async () => {
    const { seen, handler } = recorder();
    await functionUrlFetch(handler, USER)(URL_OF);
    await functionUrlFetch(handler, ROLE)(URL_OF);
    expect(seen.map(({ caller }) => caller)).toEqual([USER, ROLE]);
  });

  test('without a caller is refused with a sentence', async () => {
    const { seen, handler } = recorder();
    const response = await functionUrlFetch(handler, null)(URL_OF, { method: 'POST', body: '{}' });
    expect([response.status, await response.text()]).toEqual([
      403,
      'The request has no caller. Set the auth type of the function URL to AWS_IAM.\n',
    ]);
    expect(seen).toEqual([]);
  });

  test('over 1 MiB is refused with a sentence before a server is built', async () => {
    const { seen, handler } = recorder();
    for (const path of ['/', '/mcp']) {
      const response = await functionUrlFetch(handler, USER)(URL_OF + path, { method: 'POST', body: 'x'.repeat(1_048_577) });
      expect([response.status, await response.text()]).toEqual([
        413,
        'The request is larger than 1048576 bytes (1 MiB). Send images with create_upload.\n',
      ]);
    }
    expect(seen).toEqual([]);
  });

  test('to another path gets the right one', async () => {
    const { handler } = recorder();
    const response = await functionUrlFetch(handler, USER)(`${URL_OF}/other`);
    expect([response.status, await response.text()]).toEqual([404, expect.stringMatching(/^MCP is served at \/ and at \/mcp\./)]);
  });

  test.each(['GET', 'DELETE'])('%s is answered with 405 by the real server', async (method) => {
    const server = await testServer();
    const response = await server.as(USER).fetch(`${URL_OF}/mcp`, { method, headers: { accept: 'text/event-stream' } });
    expect(response.status).toBe(405);
  });
});

describe('an answer through a Function URL', () => {
  test('with binary content arrives byte for byte', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    const { handler } = recorder(() => new Response(bytes, { headers: { 'content-type': 'image/jpeg' } }));
    const response = await functionUrlFetch(handler, USER)(URL_OF);
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytes);
  });

  test.each(['application/json', 'text/event-stream'])('of %s stays text', async (type) => {
    const { handler } = recorder(() => new Response('ü', { headers: { 'content-type': type } }));
    const answer = await functionUrlFetch(handler, USER)(URL_OF);
    expect(await answer.text()).toBe('ü');
  });

  test.each([
    ['of more than 6 MB', 'x'.repeat(6_300_000)],
    ['that JSON makes longer than 6 MB', '\u0001'.repeat(1_100_000)],
  ])('%s becomes a JSON-RPC error with a sentence', async (_, body) => {
    const { handler } = recorder(() => new Response(body, { headers: { 'content-type': 'application/json' } }));
    const fetch = functionUrlFetch(handler, USER);
    for (let attempt = 0; attempt < 2; attempt++) {
      const response = await fetch(URL_OF, {
        method: 'POST',
        body: JSON.stringify({ jsonrpc: '2.0', id: 'seven', method: 'tools/call' }),
      });
      expect(await response.json()).toEqual({
        jsonrpc: '2.0',
        id: 'seven',
        error: { code: -32603, message: expect.stringMatching(/^The answer is larger than 6 MB\. Ask for less/) },
      });
    }
  });

  test('of just below 6 MB arrives', async () => {
    const { handler } = recorder(() => new Response('x'.repeat(6_000_000), { headers: { 'content-type': 'application/json' } }));
    expect((await (await functionUrlFetch(handler, USER)(URL_OF)).text()).length).toBe(6_000_000);
  });
});
