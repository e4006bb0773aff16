// `tilesight serve --auth token`: who gets in with which token, by every route, and what the log has of it.
import { type IncomingMessage, request } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import { serve } from '../../local/serve.ts';
import { TOOLS } from '../../mcp-server/tools/index.ts';
import { readConfig } from '../../pipeline/config.ts';
import { closedPort } from '../support/closed-port.ts';
import { temporaryFolder } from '../support/folder.ts';
import { CLIENTS } from '../support/mcp-clients.ts';
import { stdioClient } from '../support/stdio-client.ts';
import { clientWith, door, TOKEN } from '../support/token-door.ts';

const NAMES = TOOLS.map(({ name }) => name);
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==';

interface Answer {
  status: number | undefined;
  challenge: string | undefined;
}

/** Without the corrections that fetch makes to paths and headers. */
function sent(method: string, url: string, path: string, headers: Record<string, string | string[]>): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const { hostname, port } = new URL(url);
  request({ hostname, port, method, path, headers, agent: false }, resolve).once('error', reject).end();
  return promise.then((response) => {
    response.destroy();
    return { status: response.statusCode, challenge: response.headers['www-authenticate'] };
  });
}

const ROUTES = ['/', '/mcp', '/page/style.css', '/executions/events', '/executions/a-1', '/executions/a-1/findings', '/unknown'];

describe('with the token', () => {
  test.each(CLIENTS)('a client gets everything: %s', async (kind) => {
    const { url } = await door();
    const client = await clientWith(TOKEN, url, kind);
    expect((await client.listTools()).map(({ name }) => name)).toEqual(NAMES);
    const body = Buffer.from(PNG, 'base64');
    const { structuredContent } = await client.callTool('create_upload', { file_name: 'a.png', bytes: body.length });
    // The link carries its own signature: what uploads needs no token.
    const stored = await fetch(String(structuredContent?.url), { method: 'PUT', body });
    expect(stored.status).toBe(204);
  });

  test('a browser gets the page and its events, by a cookie that scripts cannot read', async () => {
    const { url } = await door();
    const entered = await fetch(`${url}/?key=${encodeURIComponent(TOKEN)}`, { redirect: 'manual' });
    expect((await fetch(`${url}/?key=${TOKEN}`, { redirect: 'manual' })).status).toBe(302); // pasted as it is
    expect([entered.status, entered.headers.get('location')]).toEqual([302, '/']);
    const [cookie = '', ...attributes] = entered.headers.get('set-cookie')?.split('; ') ?? [];
    expect(attributes).toEqual(expect.arrayContaining(['HttpOnly', 'SameSite=Lax']));
    expect(await (await fetch(url, { headers: { cookie } })).text()).toContain('<title>');
    const headers = [{ cookie }, { authorization: `Bearer ${TOKEN}` }, { authorization: `bearer ${TOKEN}` }];
    for (const each of headers) {
      const events = await fetch(`${url}/executions/events`, { headers: each });
      expect([events.status, events.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/event-stream')]);
      await events.body?.cancel();
    }
  });

  test('behind a proxy with TLS, the page works, and its cookie is for https only', async () => {
    const publicUrl = 'https://tiles.example.com';
    const [config, dataFolder] = [readConfig({}), await temporaryFolder()];
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const port = await closedPort();
    const server = await serve({ config, dataFolder, allowedFolders: [], port, host: '0.0.0.0', publicUrl, token: TOKEN, log });
    onTestFinished(() => server.close());
    const url = `http://127.0.0.1:${port}`;
    const entered = await fetch(`${url}/?key=${encodeURIComponent(TOKEN)}`, { redirect: 'manual' });
    expect(entered.headers.get('set-cookie')).toContain('; Secure');
    expect((await fetch(url)).status).toBe(401);
    const cookie = entered.headers.get('set-cookie')?.split(';')[0] ?? '';
    const statusFrom = async (origin: string) =>
      (await sent('GET', url, '/mcp', { host: 'tiles.example.com', origin, cookie })).status;
    expect(await statusFrom(publicUrl)).toBe(405);
    expect(await statusFrom('https://other.example.com')).toBe(403);
    expect(await statusFrom('https://tiles.example.com.other.example.com')).toBe(403);
  });

  test('no caller brings folders: only processes of the same user do', async () => {
    const { url } = await door();
    const headers = {
      authorization: `Bearer ${TOKEN}`,
      'tilesight-allowed-folders': encodeURIComponent('/'),
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    };
    const params = { name: 'analyze_image', arguments: { image: 'file:///etc/hostname' } };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params });
    const answer = await (await fetch(`${url}/mcp`, { method: 'POST', headers, body })).text();
    expect(answer).toContain('"isError":true');
  });

  test('a client of tilesight mcp joins the server with the key of the data folder', async () => {
    const dataFolder = await temporaryFolder();
    const { url } = await door(dataFolder);
    const client = await stdioClient({ dataFolder });
    expect((await client.listTools()).map(({ name }) => name)).toEqual(NAMES);
    expect(client.log()).toContain(`uses the tilesight at ${url}`);
  });
});

/** 100 credentials, each broken in its own way. */
function broken(): Record<string, string>[] {
  const authorization = (value: string) => ({ authorization: value });
  const changed = Array.from(
    { length: 40 },
    (_, at) => `${TOKEN.slice(0, at)}${TOKEN[at] === 'x' ? 'y' : 'x'}${TOKEN.slice(at + 1)}`,
  );
  const cut = Array.from({ length: 20 }, (_, half) => TOKEN.slice(0, 2 * half));
  const longer = Array.from({ length: 10 }, (_, index) => TOKEN + 'A'.repeat(index + 1));
  const odd = [
    TOKEN.toUpperCase(),
    TOKEN.toLowerCase(),
    [...TOKEN].reverse().join(''),
    `"${TOKEN}"`,
    `${TOKEN},${TOKEN}`,
    `,${TOKEN}`,
  ];
  const bearers = [...changed, ...cut, ...longer, ...odd, encodeURIComponent(TOKEN), '-', 'null', 'undefined', 'A'.repeat(7_000)];
  return [
    ...bearers.map((token) => authorization(`Bearer ${token}`)),
    ...['Basic', 'Digest', 'AWS4-HMAC-SHA256', 'Token', 'BearerX', ''].map((scheme) => authorization(`${scheme} ${TOKEN}`)),
    authorization(Buffer.from(`user:${TOKEN}`).toString('base64')),
    authorization(TOKEN),
    authorization(`Bearer${TOKEN}`),
    authorization(`Bearer x ${TOKEN}`),
    authorization(`Bearer ${TOKEN} x`),
    authorization('Bearer'),
    authorization(''),
    { 'x-authorization': `Bearer ${TOKEN}` },
    { 'proxy-authorization': `Bearer ${TOKEN}` },
    { 'x-api-key': TOKEN },
    { cookie: `tilesight=${TOKEN.slice(1)}` },
    { cookie: `other=${TOKEN}` },
    { cookie: 'tilesight=' },
  ];
}

describe('without the token', () => {
  test('100 broken ones are refused by every route with 401 and a challenge, and none is in the log', async () => {
    const { url, logged } = await door();
    const attempts = broken();
    expect(attempts.length).toBe(100);
    const answers = new Set<string>();
    for (const [index, headers] of attempts.entries()) {
      const path = ROUTES[index % ROUTES.length] ?? '/';
      const { status, challenge } = await sent(path === '/mcp' ? 'POST' : 'GET', url, path, headers);
      expect({ headers, status }).toEqual({ headers, status: 401 });
      answers.add(String(challenge));
    }
    expect([...answers].sort()).toEqual(['Bearer realm="tilesight"', 'Bearer realm="tilesight", error="invalid_token"']);
    expect(logged()).toContain('Refused a request because of its token.');
    expect(logged()).not.toContain(TOKEN.slice(1, -1));
    for (const { authorization = '' } of attempts) if (authorization.length > 30) expect(logged()).not.toContain(authorization);
    const client = await clientWith(TOKEN, url, '2.x that negotiates');
    expect(await client.listTools()).toHaveLength(NAMES.length);
    expect(logged()).not.toContain(TOKEN);
  });

  test('no path, method or query leads around the door', async () => {
    const { url } = await door();
    const paths = [
      `/mcp?key=${encodeURIComponent(TOKEN)}`,
      '/?key=',
      '/?key=-',
      `/?KEY=${encodeURIComponent(TOKEN)}`,
      '/healthz/../mcp',
      '/blobs/../mcp',
      '/blobs/..%2fmcp',
      '//mcp',
      '/MCP',
      '/.well-known/../executions/events',
      '/executions/events?blobs/',
    ];
    for (const path of paths)
      for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS']) {
        const { status } = await sent(method, url, path, {});
        expect({ path, method, status, isIn: ![401, 403, 404].includes(status ?? 0) }).toMatchObject({ isIn: false });
      }
    expect((await sent('GET', url, '/.well-known/oauth-protected-resource', {})).status).toBe(404);
    expect((await sent('GET', url, '/healthz', {})).status).toBe(200);
    expect((await sent('GET', url, '/blobs/changed', {})).status).toBe(403);
  });
});
