import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Client as Client2025 } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as Transport2025 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { expect, onTestFinished, test } from 'vitest';
import { runCommand } from '../support/command.ts';
import { temporaryFolder } from '../support/folder.ts';
import { CREDENTIALS, REGION, signedServer } from '../support/signed-server.ts';

const CLI = fileURLToPath(new URL('../../cli/tilesight.ts', import.meta.url));
const META = 'io.modelcontextprotocol/';
const identity = { name: 'test', version: '1' };

/** How a client starts the command. Credentials come only from the environment. */
async function command(url: string, secret = CREDENTIALS.secretAccessKey) {
  const nowhere = `${await temporaryFolder()}/none`;
  const env = {
    // biome-ignore lint/style/noProcessEnv: a child needs the path of this process.
    PATH: process.env.PATH ?? '',
    AWS_ACCESS_KEY_ID: secret && CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: secret,
    AWS_CONFIG_FILE: nowhere,
    AWS_SHARED_CREDENTIALS_FILE: nowhere,
    AWS_EC2_METADATA_DISABLED: 'true',
  };
  return { command: process.execPath, args: [CLI, 'connect', url, '--region', REGION], env };
}

interface Seen {
  headers: Record<string, string | string[] | undefined>;
  message: { method?: string; params?: unknown };
}

/** Starts a server that records requests and answers with a result, or with `answer`. Returns its URL. */
async function recorder(seen: Seen[], answer?: { status: number; body: string }): Promise<string> {
  const server = createServer(async (request, response) => {
    const chunks = await request.toArray();
    const message = JSON.parse(Buffer.concat(chunks).toString() || '{}');
    seen.push({ headers: request.headers, message });
    const result = { jsonrpc: '2.0', id: message.id, result: { kept: { of: 'this' }, _meta: { 'example.com/answer': [1] } } };
    response.writeHead(answer?.status ?? 200, { 'content-type': 'application/json' });
    response.end(answer?.body ?? JSON.stringify(result));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
}

/** Sends one message unchanged and returns the first that comes back. */
async function exchanged(url: string, message: object, secret?: string): Promise<unknown> {
  const transport = new StdioClientTransport({ ...(await command(url, secret)), stderr: 'ignore' });
  onTestFinished(() => transport.close());
  const { promise, resolve } = Promise.withResolvers<unknown>();
  transport.onmessage = resolve;
  await transport.start();
  await transport.send({ jsonrpc: '2.0', id: 'one', ...message } as Parameters<typeof transport.send>[0]);
  return await promise;
}

test.each([
  ['2026-07-28', { pin: '2026-07-28' }],
  ['2025-11-25', 'legacy'],
] as const)('a client of %s that cannot sign reaches a server that requires signatures', async (version, mode) => {
  const { url } = await signedServer();
  const client = new Client(identity, { versionNegotiation: { mode } });
  onTestFinished(() => client.close());
  await client.connect(new StdioClientTransport(await command(`${url}/mcp`)));
  expect(client.getNegotiatedProtocolVersion()).toBe(version);
  expect((await client.listTools()).tools.map(({ name }) => name)).toContain('analyze_image');
  const answer = await client.callTool({ name: 'get_execution', arguments: { execution_id: 'nobody' } });
  expect(answer.isError).toBe(true);
});

test('so does a client of the earlier library', async () => {
  const { url } = await signedServer();
  const client = new Client2025(identity);
  onTestFinished(() => client.close());
  await client.connect(new Transport2025(await command(`${url}/mcp`)));
  expect((await client.listTools()).tools.map(({ name }) => name)).toContain('analyze_image');
});

test('a message passes with its _meta unchanged, both ways, with the headers of its protocol generation', async () => {
  const seen: Seen[] = [];
  const _meta = {
    [`${META}protocolVersion`]: '2026-07-28',
    [`${META}clientCapabilities`]: { extensions: { 'x/y': {} } },
    'a.b/c': [1, null],
  };
  const params = { name: 'view_region', arguments: { box: [1, 2.5, 3, 4] }, odd: { kept: true }, _meta };
  const answer = await exchanged(await recorder(seen), { method: 'tools/call', params });
  expect(answer).toEqual({ jsonrpc: '2.0', id: 'one', result: { kept: { of: 'this' }, _meta: { 'example.com/answer': [1] } } });
  expect(seen).toHaveLength(1);
  expect(seen[0]?.message).toEqual({ jsonrpc: '2.0', id: 'one', method: 'tools/call', params });
  expect(seen[0]?.headers).toMatchObject({
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': 'view_region',
    authorization: expect.stringContaining(`/${REGION}/lambda/aws4_request`),
  });
});

test('a JSON-RPC error in an HTTP error passes unchanged', async () => {
  const error = { jsonrpc: '2.0', id: 'one', error: { code: -32601, message: 'No such method', data: { x: 1 } } };
  const url = await recorder([], { status: 404, body: JSON.stringify(error) });
  expect(await exchanged(url, { method: 'no/such' })).toEqual(error);
});

test.each([
  [
    'the server refuses the signature',
    'je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY',
    /^The server rejected the signature\. Check the credentials/,
  ],
  ['there are no credentials', '', /^No usable AWS credentials in the environment, a profile or a role\. Set AWS_PROFILE/],
])('a request is answered with a sentence if %s', async (_, secret, sentence) => {
  const { url } = await signedServer();
  const answer = await exchanged(`${url}/mcp`, { method: 'tools/list', params: {} }, secret);
  expect(answer).toEqual({ jsonrpc: '2.0', id: 'one', error: { code: -32603, message: expect.stringMatching(sentence) } });
});

test('a request is answered with a sentence if the server is down or broken', async () => {
  const broken = await recorder([], { status: 502, body: 'secret words of a proxy' });
  const sentence = 'The server answered with HTTP status 502. Check the URL, then try again.';
  expect(await exchanged(broken, { method: 'tools/list' })).toMatchObject({ error: { message: sentence } });
  const unreachable = await exchanged('http://127.0.0.1:9/mcp', { method: 'tools/list' });
  expect(unreachable).toMatchObject({
    error: { message: expect.stringContaining('Cannot connect to the server. Check the URL') },
  });
});

test.each([
  [['ftp://example.com'], 'ftp://example.com is not an https:// URL. Use the Function URL'],
  [['https://example.com/mcp'], 'The URL contains no region to sign for. Add --region'],
])('connect %j is refused in a sentence', async (args, sentence) => {
  const { code, stderr } = await runCommand(['connect', ...args]);
  expect([code, stderr]).toEqual([1, expect.stringContaining(sentence)]);
});

test('a cancelled request of 2026-07-28 also ends at the server, and the end of input ends the command', async () => {
  const [asked, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const server = createServer((_, response) => {
    response.once('close', () => ended.resolve());
    asked.resolve(); // and no answer
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
  const { command: node, args, env } = await command(url);
  const child = spawn(node, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill());
  const output = child.stdout.toArray();
  const exit = new Promise((resolve) => child.once('exit', resolve));
  const say = (message: object) => child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  say({ id: 1, method: 'tools/list', params: { _meta: { [`${META}protocolVersion`]: '2026-07-28' } } });
  await asked.promise;
  say({ method: 'notifications/cancelled', params: { requestId: 1 } });
  await ended.promise;
  child.stdin.end();
  expect(await exit).toBe(0);
  expect(Buffer.concat(await output).toString()).toBe('');
});
