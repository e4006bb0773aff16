// docs/http-api.md names every route that the applications have, and no other.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Hono } from 'hono';
import { describe, expect, test } from 'vitest';
import { httpApp } from '../../local/http/http-app.ts';
import { eventRoutes } from '../../local/web/event-stream.ts';
import { pageRoutes } from '../../local/web/web-routes.ts';
import { testServer } from '../support/server.ts';

const ROOT = join(import.meta.dirname, '../..');
const PAGE = readFileSync(join(ROOT, 'docs/http-api.md'), 'utf8');
const [, FUNCTION_URL = '', LOCAL = ''] = PAGE.split(/^## /m);
const LIST = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';
const CALLER = { id: 'AIDAEXAMPLE', name: 'arn:aws:iam::123456789012:user/somebody' };

const routesIn = (section: string) => [...section.matchAll(/^\| `([A-Z]+ \/\S*)`/gm)].map(([, route = '']) => route);
/** As the page writes it: without the pattern of a parameter. */
const written = (method: string, path: string) => `${method} ${path.replace(/\{[^/]*\}/g, '')}`;

/** The application as `serve` puts it together, with the routes of the page. */
async function localApp(): Promise<Hono> {
  const { blobs, links, launcher, scratchFolder } = await testServer();
  const quiet = () => {};
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
  const none = () => Promise.reject(new Error('This test sends no such request.'));
  const history = { ...launcher, list: none, history: none };
  const progress = { current: none, stored: none };
  const clock = { now: () => new Date() };
  const events = eventRoutes({ blobs, launcher: history, progress, requestedImage: () => null, clock, log });
  const page = pageRoutes({ blobs, files: none, findingsOf: none });
  return httpApp({ mcp: none, blobs, links, scratchFolder, log, routes: [events, page] });
}

describe('the page of the HTTP API', () => {
  test('names every route of the local server, and no other', async () => {
    const { routes } = await localApp();
    const real = routes.filter(({ path }) => path !== '/*').map(({ method, path }) => written(method, path));
    expect(real.length).toBeGreaterThan(10);
    expect(routesIn(LOCAL).sort()).toEqual([...new Set(real)].sort());
  });

  test('is compared with all routes: none is registered in another file', () => {
    const files = globSync('{local,mcp-server}/**/*.ts', { cwd: ROOT });
    const registering = files.filter((file) =>
      /\bapp\.(get|put|post|patch|delete|all|on)\(/.test(readFileSync(join(ROOT, file), 'utf8')),
    );
    expect(registering.sort()).toEqual([
      'local/http/http-app.ts',
      'local/web/event-stream.ts',
      'local/web/web-routes.ts',
      'mcp-server/aws/function-url.ts',
    ]);
  });

  test('names every method and path that the Function URL takes', async () => {
    const server = (await testServer()).as(CALLER);
    const isTaken = async (method: string, path: string) => {
      const body = ['POST', 'PUT', 'PATCH'].includes(method) ? '{}' : null;
      return (await server.fetch(`https://id.lambda-url.us-east-1.on.aws${path}`, { method, body })).status !== 404;
    };
    const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
    const asked = ['/', '/mcp', '/healthz', '/blobs/token', '/executions/events', '/page/style.css'].flatMap((path) =>
      methods.map((method) => ({ method, path })),
    );
    const taken: string[] = [];
    for (const { method, path } of asked) if (await isTaken(method, path)) taken.push(`${method} ${path}`);
    expect(taken.sort()).toEqual(routesIn(FUNCTION_URL).sort());
  });

  test('shows a call that the server answers', async () => {
    const server = await testServer();
    const [, command = ''] = PAGE.match(/^```sh\n(curl.*?)^```/ms) ?? [];
    const [, url = ''] = command.match(/(http\S+)/) ?? [];
    const headers = [...command.matchAll(/-H '([^:]+): ([^']+)'/g)].map(([, name = '', value = '']): [string, string] => [
      name,
      value,
    ]);
    const [, body = ''] = command.match(/-d '([^']+)'/) ?? [];
    const answer = await server.fetch(url, { method: 'POST', headers, body });
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain('"totals"');
  });

  test.each([
    ['POST', '/mcp', { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }, '{}', 400],
    [
      'POST',
      '/mcp',
      { 'content-type': 'application/json', accept: 'application/json, text/event-stream', origin: 'https://example.org' },
      '{}',
      403,
    ],
    ['GET', '/mcp', {}, null, 405],
    ['DELETE', '/mcp', {}, null, 405],
    ['POST', '/mcp', { 'content-type': 'application/json', accept: 'text/html' }, LIST, 406],
    ['POST', '/mcp', { 'content-type': 'application/json' }, LIST, 200],
    ['POST', '/mcp', { 'content-type': 'text/plain', accept: 'application/json, text/event-stream' }, LIST, 415],
    ['POST', '/mcp', { 'content-type': 'application/json', 'content-length': '2000000' }, '{}', 413],
    ['GET', '/blobs/changed', {}, null, 403],
    ['PUT', '/blobs/changed', {}, 'bytes', 403],
    ['GET', '/healthz', {}, null, 200],
    ['GET', '/unknown', {}, null, 404],
  ] as const)('is right about %s %s with %j and %j: %i', async (method, path, headers, body, status) => {
    const server = await testServer();
    expect((await server.fetch(`http://127.0.0.1:3333${path}`, { method, headers, body })).status).toBe(status);
  });
});
