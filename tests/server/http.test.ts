import { execFile, spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createAdaptorServer } from '@hono/node-server';
import { SignJWT, UnsecuredJWT } from 'jose';
import { describe, expect, onTestFinished, test } from 'vitest';
import { httpApp } from '../../local/http/http-app.ts';
import { localLinks, readSecret } from '../../local/http/local-links.ts';
import { createUpload } from '../../mcp-server/tools/create-upload.ts';
import { UserError } from '../../pipeline/contract/errors.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import { temporaryFolder } from '../support/folder.ts';
import { connected } from '../support/mcp-clients.ts';
import { ORIGIN, SECRET, type TestServer, testServer } from '../support/server.ts';

const KEY = keys.upload('plan.jpg-0123');
const MEBIBYTE = 1_048_576;

const putLink = async (server: TestServer, bytesMax: number, expiresInS = 60) =>
  (await server.links.forPut(KEY, { bytesMax, expiresInS })).url;

/** Every file below the server's folders. */
async function stored({ blobsFolder, scratchFolder }: TestServer): Promise<string[]> {
  const below = async (folder: string) => await readdir(folder, { recursive: true }).catch(() => []);
  return [...(await below(blobsFolder)), ...(await below(scratchFolder))];
}

/** Status and message of a refusal. The message is one line, no file is left and no error is logged. */
async function refusal(server: TestServer, response: Response): Promise<[number, string]> {
  const text = await response.text();
  expect(text).toMatch(/^[A-Z].*\.\n$/);
  expect(await stored(server)).toEqual([]);
  expect(server.errors).toEqual([]);
  return [response.status, text.trim()];
}

function streamOf(...chunks: string[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
      controller.close();
    },
  });
}

/** Listens as the local server does; gives the port. */
async function listening(server: TestServer): Promise<number> {
  const listener = createAdaptorServer({ fetch: server.app.fetch });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise((resolve) => listener.close(() => resolve())));
  return (listener.address() as AddressInfo).port;
}

async function socketTo(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

/** Sends text as it is and gives all that comes back until the server has nothing more to say. */
async function exchanged(port: number, text: string): Promise<string> {
  const socket = await socketTo(port);
  socket.write(text);
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}

describe('PUT with a link of create_upload', () => {
  test('is good once: a second file is refused', async () => {
    const server = await testServer();
    const url = await putLink(server, 6);
    const put = async (body: string) => await server.fetch(url, { method: 'PUT', body });
    expect((await put('pixels')).status).toBe(204);
    const late = await put('others');
    expect([late.status, await late.text()]).toEqual([
      409,
      'The file of this link has already arrived: use its upload_id. To send another file, get a new link from create_upload.\n',
    ]);
    expect(Buffer.from((await server.blobs.get(KEY)) ?? []).toString()).toBe('pixels');
    expect(await readdir(server.scratchFolder)).toEqual([]);
  });

  test('stores the file, whole', async () => {
    const server = await testServer();
    const response = await server.fetch(await putLink(server, 6), {
      method: 'PUT',
      body: streamOf('pix', 'els'),
      duplex: 'half',
    });
    expect([response.status, await response.text()]).toEqual([204, '']);
    expect(Buffer.from((await server.blobs.get(KEY)) ?? []).toString()).toBe('pixels');
    expect(await readdir(server.scratchFolder)).toEqual([]);
  });

  test('is refused after its expiry', async () => {
    let now = Date.parse('2026-11-21T06:00:00Z');
    const server = await testServer({ clock: { now: () => new Date(now) } });
    const url = await putLink(server, 6, 900);
    now += 901_000;
    const [status, sentence] = await refusal(server, await server.fetch(url, { method: 'PUT', body: 'pixels' }));
    expect([status, sentence]).toEqual([403, 'This link has expired. Ask for a new one with the tool that returned it.']);
  });

  test('is valid until its last second', async () => {
    let now = Date.parse('2026-11-21T06:00:00Z');
    const server = await testServer({ clock: { now: () => new Date(now) } });
    const url = await putLink(server, 6, 900);
    now += 899_000;
    expect((await server.fetch(url, { method: 'PUT', body: 'pixels' })).status).toBe(204);
  });

  const claims = { method: 'PUT', key: KEY, bytesMax: 6 };
  const signed = (payload: Record<string, unknown>, secret: Uint8Array) =>
    new SignJWT(payload).setProtectedHeader({ alg: 'HS256' }).setExpirationTime('1h').sign(secret);
  const forged: [string, () => Promise<string> | string][] = [
    ['signed with another secret', () => signed(claims, new Uint8Array(32).fill(8))],
    ['not signed', () => new UnsecuredJWT(claims).setExpirationTime('1h').encode()],
    ['with invalid claims', () => signed({ method: 'PUT', key: 7 }, SECRET)],
    ['for another method', () => signed({ ...claims, method: 'DELETE' }, SECRET)],
    ['no token at all', () => 'abc'],
  ];
  test.each(forged)('is refused when its token is %s', async (_, token) => {
    const server = await testServer();
    const response = await server.fetch(`${ORIGIN}/blobs/${await token()}`, { method: 'PUT', body: 'pixels' });
    expect(await refusal(server, response)).toEqual([
      403,
      'This server did not issue this link. Ask for a new one with the tool that returned it.',
    ]);
  });

  test('is refused if any character of its claims or signature was changed', async () => {
    const server = await testServer();
    const url = await putLink(server, 6);
    const start = url.indexOf('.', url.indexOf('/blobs/')) + 1;
    for (let index = start; index < url.length - 1; index += 7) {
      const changed = url.slice(0, index) + (url[index] === 'A' ? 'B' : 'A') + url.slice(index + 1);
      const response = await server.fetch(changed, { method: 'PUT', body: 'pixels' });
      expect((await refusal(server, response))[0]).toBe(403);
    }
  });

  test('is valid for PUT only', async () => {
    const server = await testServer();
    const [status, sentence] = await refusal(server, await server.fetch(await putLink(server, 6)));
    expect([status, sentence]).toEqual([403, 'This link is for PUT, not for GET. Ask for a new link.']);
    for (const method of ['POST', 'DELETE', 'PATCH'])
      expect(await refusal(server, await server.fetch(await putLink(server, 6), { method }))).toEqual([404, expect.any(String)]);
  });

  const wrongSizes: [string, ReadableStream | null, Record<string, string>, number, RegExp][] = [
    [
      'announces too many bytes',
      streamOf('pixels!'),
      { 'content-length': '7' },
      413,
      /^The body has more than the 6 bytes passed to create_upload\. Call/,
    ],
    [
      'sends too many bytes without announcing them',
      streamOf('pix', 'els', '!'),
      {},
      413,
      /^The body has more than the 6 bytes passed to create_upload\. Call/,
    ],
    [
      'sends too few bytes',
      streamOf('pix'),
      {},
      400,
      /^The body has 3 of the 6 bytes passed to create_upload\. Send the whole file\.$/,
    ],
    ['sends an empty body', streamOf(), {}, 400, /^The body is empty\. Send the bytes of the file with PUT\.$/],
    ['sends no body', null, {}, 400, /^The body is empty\. Send the bytes of the file with PUT\.$/],
  ];
  test.each(wrongSizes)('is refused for a client that %s', async (_, body, headers, status, sentence) => {
    const server = await testServer();
    const init = { method: 'PUT', body, headers, duplex: 'half' } as RequestInit;
    const response = await server.fetch(await putLink(server, 6), init);
    expect(await refusal(server, response)).toEqual([status, expect.stringMatching(sentence)]);
  });

  test('stops reading a body that is too long', async () => {
    const server = await testServer();
    let pulled = 0;
    const endless = new ReadableStream({
      pull(controller) {
        pulled++;
        controller.enqueue(new Uint8Array(65_536));
      },
    });
    const init = { method: 'PUT', body: endless, duplex: 'half' } as RequestInit;
    const response = await server.fetch(await putLink(server, 100_000), init);
    expect((await refusal(server, response))[0]).toBe(413);
    expect(pulled).toBeLessThan(20);
  });

  test('leaves nothing behind if the connection breaks, and works again afterwards', async () => {
    const server = await testServer();
    const port = await listening(server);
    const { pathname } = new URL(await putLink(server, 200_000));
    const socket = await socketTo(port);
    socket.write(`PUT ${pathname} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(100_000)}`);
    await expect.poll(async () => (await stored(server)).filter((name) => name.endsWith('body'))).toHaveLength(1);
    socket.destroy();
    await expect.poll(() => stored(server)).toEqual([]);
    expect(server.errors).toEqual([]);

    const again = await fetch(`http://127.0.0.1:${port}${pathname}`, { method: 'PUT', body: 'x'.repeat(200_000) });
    expect(again.status).toBe(204);
    expect((await server.blobs.head(KEY))?.bytes).toBe(200_000);
  });

  test('is answered over a socket before the whole of a too long body was sent', async () => {
    const server = await testServer();
    const port = await listening(server);
    const { pathname } = new URL(await putLink(server, 6));
    const answer = await exchanged(
      port,
      `PUT ${pathname} HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: close\r\nContent-Length: 9000000000\r\n\r\n${'x'.repeat(1_000)}`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 .*more than the 6 bytes passed to create_upload/s);
    expect(await stored(server)).toEqual([]);
  });

  test.skipIf(process.platform !== 'linux')(
    'reports an internal error, not a broken connection, if the disk cannot be written',
    async () => {
      const server = await testServer();
      // Long enough that a folder fits in it, and a file inside that folder does not: Linux limits a path to 4,095 characters.
      const scratchFolder = server.scratchFolder + '/d'.repeat(Math.floor((4_080 - server.scratchFolder.length) / 2));
      await mkdir(scratchFolder, { recursive: true });
      const mcp = () => Promise.reject(new Error('MCP is not called.'));
      const log = {
        debug() {},
        info() {},
        warn() {},
        error: (facts: object) => void server.errors.push({ facts, sentence: '' }),
      };
      const app = httpApp({ mcp, blobs: server.blobs, links: server.links, scratchFolder, log });
      const response = await app.fetch(new Request(await putLink(server, 6), { method: 'PUT', body: 'pixels' }));
      expect(response.status).toBe(500);
      expect(server.errors).toMatchObject([{ facts: { error: { code: 'ENAMETOOLONG' } } }]);
      expect(await readdir(scratchFolder)).toEqual([]);
    },
  );

  test.each([
    ['ENOSPC', 'The disk of the server is full. Free some space, for example with delete_execution, then try again.'],
    ['EDQUOT', 'The disk of the server is full. Free some space, for example with delete_execution, then try again.'],
    ['EMFILE', 'The server has too many files open. Try again in a minute.'],
    ['EROFS', 'The server may not write to its data folder (EROFS). Check the permissions of the folder.'],
  ])('says what the disk refuses (%s), and keeps nothing of the file', async (code, sentence) => {
    const server = await testServer();
    const putNewFile = () => Promise.reject(Object.assign(new Error(`${code}: /home/someone`), { code }));
    const mcp = () => Promise.reject(new Error('MCP is not called.'));
    const logged: object[] = [];
    const log = { debug() {}, info() {}, warn() {}, error: (facts: object) => void logged.push(facts) };
    const { links, scratchFolder } = server;
    const app = httpApp({ mcp, blobs: { ...server.blobs, putNewFile }, links, scratchFolder, log });
    const response = await app.fetch(new Request(await putLink(server, 6), { method: 'PUT', body: 'pixels' }));
    expect([response.status, await response.text()]).toEqual([507, `${sentence}\n`]);
    expect(await stored(server)).toEqual([]);
    expect(logged).toMatchObject([{ causes: [{ message: sentence }, { code }] }]);
  });

  test('stores one file or the other if two arrive at once, never a mixture', async () => {
    const server = await testServer();
    const url = await putLink(server, 300_000);
    const bodies = ['a', 'b'].map((letter) => letter.repeat(300_000));
    const responses = await Promise.all(bodies.map((body) => server.fetch(url, { method: 'PUT', body })));
    expect(responses.map(({ status }) => status).toSorted()).toEqual([204, 409]);
    expect(bodies).toContain(Buffer.from((await server.blobs.get(KEY)) ?? []).toString());
  });

  test.skipIf(spawnSync('curl', ['--version']).error !== undefined)(
    'works with the curl line of create_upload, whatever the name of the file',
    async () => {
      const server = await testServer();
      const port = await listening(server);
      const client = await connected('2.x pinned to 2026-07-28', server);
      const folder = await temporaryFolder();
      for (const name of ["it's $HOME [1-3] {a,b}.jpg", '-rf.jpg', 'ü "quoted" `id`.jpg']) {
        await writeFile(join(folder, name), 'pixels');
        const upload = await client.call('create_upload', { file_name: name, bytes: 6 }, createUpload.output);
        const line = upload.curl.replace(ORIGIN, `http://127.0.0.1:${port}`);
        await promisify(execFile)('sh', ['-c', line], { cwd: folder });
        expect((await server.blobs.head(keys.upload(upload.upload_id)))?.bytes).toBe(6);
      }
    },
  );
});

describe('GET with a link', () => {
  async function linkTo(server: TestServer, key: string): Promise<string> {
    await server.blobs.put(key, Buffer.from('content'));
    return await server.links.forGet(key, { expiresInS: 60 });
  }

  test.each([
    ['findings.json', 'application/json'],
    ['overlay.jpg', 'image/jpeg'],
    ['pyramid.szi', 'application/octet-stream'],
    ['page.html', 'application/octet-stream'],
    ['none', 'application/octet-stream'],
  ])('returns the whole of %s as %s, with headers that forbid sniffing', async (name, type) => {
    const server = await testServer();
    const response = await server.fetch(await linkTo(server, `executions/e1/${name}`));
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': type,
      'content-length': '7',
      'x-content-type-options': 'nosniff',
      'content-security-policy': 'sandbox allow-scripts',
    });
    expect(await response.text()).toBe('content');
  });

  test('answers HEAD with the same headers and leaves no file open', async () => {
    const server = await testServer();
    await server.blobs.put(keys.overlay('e1'), Buffer.alloc(MEBIBYTE)); // more than a stream reads ahead
    const url = await server.links.forGet(keys.overlay('e1'), { expiresInS: 60 });
    const before = (await readdir('/proc/self/fd').catch(() => [])).length;
    for (let request = 0; request < 50; request++) {
      const response = await server.fetch(url, { method: 'HEAD' });
      expect([response.status, response.headers.get('content-length'), await response.text()]).toEqual([200, `${MEBIBYTE}`, '']);
    }
    expect((await readdir('/proc/self/fd').catch(() => [])).length - before).toBeLessThan(25);
  });

  test('is refused if its object does not exist', async () => {
    const server = await testServer();
    const url = await server.links.forGet(keys.overlay('gone'), { expiresInS: 60 });
    expect(await refusal(server, await server.fetch(url))).toEqual([404, expect.stringContaining('Ask for a new link')]);
  });

  test('cannot be used to write', async () => {
    const server = await testServer();
    const url = await server.links.forGet(keys.overlay('e1'), { expiresInS: 60 });
    const response = await server.fetch(url, { method: 'PUT', body: 'other' });
    expect(await refusal(server, response)).toEqual([403, 'This link is for GET, not for PUT. Ask for a new link.']);
  });
});

describe('of all hosts and origins, only this server is accepted:', () => {
  const discover = { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } };
  const ask = (server: TestServer, headers: Record<string, string>, path = '/mcp') =>
    server.fetch(`${ORIGIN}${path}`, { ...discover, headers: { ...discover.headers, host: '127.0.0.1:3333', ...headers } });

  test.each([
    'evil.example',
    'localhost.evil.com',
    'evil.com:3333',
    '127.0.0.1.nip.io',
    'localhost@evil.com',
    '192.168.0.2:3333',
    '0.0.0.0',
    '[::2]:3333',
    '[::ffff:10.0.0.1]',
    'localhost.',
    'a b',
    '',
  ])('the Host %j is refused', async (host) => {
    const server = await testServer();
    for (const path of ['/mcp', '/healthz', '/blobs/x', '/nothing']) {
      const [status, sentence] = await refusal(server, await ask(server, { host }, path));
      expect([status, sentence]).toEqual([
        403,
        `This server answers only requests to and from itself, not Host ${host}. Use http://127.0.0.1 with the port.`,
      ]);
    }
    expect(server.mcpRequests()).toBe(0);
  });

  test.each(['127.0.0.1', '127.0.0.1:3333', 'localhost:8080', 'LOCALHOST:3333', '[::1]:3333'])(
    'the Host %j is accepted',
    async (host) => {
      const server = await testServer();
      expect((await ask(server, { host })).status).not.toBe(403);
      expect(server.mcpRequests()).toBe(1);
    },
  );

  test.each([
    'https://evil.example',
    'http://localhost.evil.com:3333',
    'http://127.0.0.1:3333.evil.com',
    'http://127.0.0.1:8080',
    'http://127.0.0.1',
    'https://127.0.0.1:3333',
    'http://localhost:3333',
    'http://[::1]:3333',
    'null',
    'file://',
    'chrome-extension://abcdef',
    'nonsense',
    '',
  ])('a page with the Origin %j is refused', async (origin) => {
    const server = await testServer();
    const [status, sentence] = await refusal(server, await ask(server, { origin }));
    expect(status).toBe(403);
    expect(sentence).toContain(`not Origin ${origin}. `);
    expect(server.mcpRequests()).toBe(0);
  });

  test.each([
    ['127.0.0.1:3333', 'http://127.0.0.1:3333'],
    ['localhost:3333', 'http://localhost:3333'],
    ['[::1]:3333', 'http://[::1]:3333'],
    ['localhost', 'http://localhost'],
  ])('a page of this server is accepted: Host %s, Origin %s', async (host, origin) => {
    const server = await testServer();
    expect((await ask(server, { host, origin })).status).not.toBe(403);
    expect(server.mcpRequests()).toBe(1);
  });

  test('no response has CORS headers', async () => {
    const server = await testServer();
    for (const method of ['OPTIONS', 'POST', 'GET']) {
      const { headers } = await server.fetch(`${ORIGIN}/mcp`, { method });
      expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });

  test('a foreign Host is refused over a socket too, whatever the request line claims', async () => {
    const server = await testServer();
    const port = await listening(server);
    const lines = ['POST /mcp HTTP/1.1', `POST http://127.0.0.1:${port}/mcp HTTP/1.1`];
    for (const line of lines) {
      const answer = await exchanged(port, `${line}\r\nHost: evil.example\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}`);
      expect(answer).toMatch(/^HTTP\/1\.1 403 .*not Host evil\.example\./s);
    }
    expect(server.mcpRequests()).toBe(0);
  });
});

describe('a request to /mcp over 1 MiB', () => {
  const sentence = `The request is larger than ${MEBIBYTE} bytes (1 MiB). Send images with create_upload.`;
  const post = (server: TestServer, body: ReadableStream | string, headers: Record<string, string> = {}) =>
    server.fetch(`${ORIGIN}/mcp`, { method: 'POST', body, headers, duplex: 'half' } as RequestInit);

  test('is refused by its announced size, before a server is created', async () => {
    const server = await testServer();
    const response = await post(server, 'x', { 'content-length': String(MEBIBYTE + 1) });
    expect(await refusal(server, response)).toEqual([413, sentence]);
    expect(server.mcpRequests()).toBe(0);
  });

  test('is refused by its actual size, before a server is created', async () => {
    const server = await testServer();
    const chunk = 'x'.repeat(MEBIBYTE / 2);
    for (const headers of [{}, { 'transfer-encoding': 'chunked', 'content-length': '5' }]) {
      const response = await post(server, streamOf(chunk, chunk, 'x'), headers);
      expect(await refusal(server, response)).toEqual([413, sentence]);
    }
    expect(server.mcpRequests()).toBe(0);
  });

  test('is refused over a socket', async () => {
    const server = await testServer();
    const port = await listening(server);
    const response = await fetch(`http://127.0.0.1:${port}/mcp`, { method: 'POST', body: 'x'.repeat(3 * MEBIBYTE) });
    expect([response.status, await response.text()]).toEqual([413, `${sentence}\n`]);
    expect(server.mcpRequests()).toBe(0);
  });

  test('is accepted at exactly 1 MiB', async () => {
    const server = await testServer();
    expect((await post(server, streamOf('x'.repeat(MEBIBYTE)))).status).not.toBe(413);
    expect(server.mcpRequests()).toBe(1);
  });
});

test('an unknown path is answered with the known ones', async () => {
  const server = await testServer();
  const response = await server.fetch(`${ORIGIN}/`);
  expect([response.status, await response.text()]).toEqual([404, 'Not found. Use /mcp, or a link that a tool returned.\n']);
});

test('an unexpected error is logged, and its message stays on the server', async () => {
  const server = await testServer();
  await mkdir(join(server.blobsFolder, keys.overlay('e1')), { recursive: true });
  await writeFile(join(server.blobsFolder, 'uploads'), 'a file where a folder should be');
  const response = await server.fetch(await putLink(server, 6), { method: 'PUT', body: 'pixels' });
  expect([response.status, await response.text()]).toEqual([500, 'Internal error. See the server log for the cause.\n']);
  expect(server.errors).toMatchObject([{ facts: { path: '/blobs/:token' } }]);
  expect(JSON.stringify(server.errors)).not.toContain('eyJ');
  expect(await readdir(server.scratchFolder)).toEqual([]);
});

describe('the secret of links', () => {
  test('survives a restart, and only its owner can read it', async () => {
    const file = join(await temporaryFolder(), 'deep/secret.key');
    const secret = await readSecret(file);
    const clock = { now: () => new Date() };
    const url = await localLinks(secret, () => ORIGIN, clock).forGet(KEY, { expiresInS: 60 });
    const after = localLinks(await readSecret(file), () => ORIGIN, clock);
    expect(await after.claimsOf(url.split('/').at(-1) ?? '', 'GET')).toMatchObject({ key: KEY });
    const { mode } = await stat(file);
    expect(mode & 0o077).toBe(0);
  });

  test('is the same for all concurrent readers, and leaves no temporary file', async () => {
    const folder = await temporaryFolder();
    const secrets = await Promise.all(Array.from({ length: 20 }, () => readSecret(join(folder, 'secret.key'))));
    expect(new Set(secrets.map((secret) => Buffer.from(secret).toString('hex'))).size).toBe(1);
    expect(await readdir(folder)).toEqual(['secret.key']);
  });

  test('is refused if its file is truncated', async () => {
    const file = join(await temporaryFolder(), 'secret.key');
    await writeFile(file, 'short');
    await expect(readSecret(file)).rejects.toThrow(UserError);
    expect(await readFile(file, 'utf8')).toBe('short');
  });
});
