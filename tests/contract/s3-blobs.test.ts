// The store in a bucket, and links to it: against a real S3-compatible server if one is installed, and against faults on loopback.
import { execFile } from 'node:child_process';
import { readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { HeadObjectCommand, ListMultipartUploadsCommand, PutBucketPolicyCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Blobs } from '../../pipeline/ports.ts';
import { type S3BlobsOptions, s3Blobs } from '../../pipeline/storage/s3-blobs.ts';
import { s3Links } from '../../pipeline/storage/s3-links.ts';
import { s3Removal } from '../../pipeline/storage/s3-removal.ts';
import { FAKE_SECRET, fakeCredentials } from '../support/aws-credentials.ts';
import { blobsContract } from '../support/blobs-contract.ts';
import { closedPort } from '../support/closed-port.ts';
import { temporaryFolder } from '../support/folder.ts';
import { removalContract } from '../support/removal-contract.ts';
import { NO_S3_SERVER, s3Server } from '../support/s3-server.ts';
import { checksLinks, storeDoor } from '../support/store-door.ts';

if (NO_S3_SERVER) console.warn(`Tests against a real S3-compatible server are ${NO_S3_SERVER}.`);

const KEY = 'uploads/u1';

describe.skipIf(NO_S3_SERVER)(NO_S3_SERVER ?? 'against a real S3-compatible server:', () => {
  const server = s3Server();

  async function store(options: Partial<S3BlobsOptions> = {}) {
    const [bucket, scratchFolder] = [await server.bucket(), await temporaryFolder()];
    const blobs = s3Blobs({ bucket, scratchFolder, materializeBytesMax: 50_000_000, endpoint: server.endpoint(), ...options });
    return { bucket, scratchFolder, blobs };
  }

  async function fileOf(bytes: number): Promise<string> {
    const path = join(await temporaryFolder(), 'file');
    await writeFile(path, Buffer.alloc(bytes, 'x'));
    return path;
  }

  blobsContract('s3Blobs', async () => (await store()).blobs);

  removalContract('s3Removal', async () => {
    const { blobs, bucket } = await store();
    return { blobs, removal: s3Removal({ bucket, endpoint: server.endpoint() }) };
  });

  test('a file is uploaded in parts of 8 MiB, and a smaller one in one piece', async () => {
    const { blobs } = await store();
    await blobs.putFile('large', await fileOf(20_000_000));
    expect((await blobs.head('large'))?.version).toMatch(/^[0-9a-f]{32}-3$/);
    await blobs.putFile('small', await fileOf(8_000_000));
    expect((await blobs.head('small'))?.version).toMatch(/^[0-9a-f]{32}$/);
  });

  test('an upload that fails in the middle leaves neither an object nor parts', async () => {
    const refusesPart2 = await storeDoor((request, response) => {
      if (!request.url?.includes('partNumber=2')) return false;
      response.writeHead(403).end();
      return true;
    }, server.endpoint());
    const { bucket, blobs } = await store({ endpoint: refusesPart2.endpoint });
    await expect(blobs.putFile(KEY, await fileOf(20_000_000))).rejects.toMatchObject({ name: 'UserError' });
    expect(await blobs.head(KEY)).toBeNull();
    const { Uploads = [] } = await server.client().send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    expect(Uploads).toEqual([]);
    expect(refusesPart2.requests.some((line) => /^POST .*\?uploads/.test(line))).toBe(true); // parts were sent
  });

  test('the content type depends on the extension of the key, for one piece and for parts', async () => {
    const { bucket, blobs } = await store();
    await blobs.put('a/findings.json', Buffer.from('{}'));
    await blobs.put('a/overview.jpg', Buffer.from('x'));
    await blobs.put('a/pyramid.szi', Buffer.from('x'));
    await blobs.putFile('a/large.jpg', await fileOf(9_000_000));
    const typeOf = async (Key: string) =>
      (await server.client().send(new HeadObjectCommand({ Bucket: bucket, Key }))).ContentType;
    expect(await typeOf('a/findings.json')).toBe('application/json');
    expect(await typeOf('a/overview.jpg')).toBe('image/jpeg');
    expect(await typeOf('a/pyramid.szi')).toBe('application/octet-stream');
    expect(await typeOf('a/large.jpg')).toBe('image/jpeg');
  });

  test('a local copy is in the scratch folder until its release', async () => {
    const { scratchFolder, blobs } = await store();
    await blobs.put(KEY, Buffer.from('pixels'));
    const file = await blobs.materialize(KEY);
    expect((await readdir(scratchFolder)).map((name) => join(scratchFolder, name))).toEqual([file.path]);
    await file.release();
    expect(await readdir(scratchFolder)).toEqual([]);
  });

  test('an object above the limit is not copied, but one exactly at the limit is', async () => {
    const { scratchFolder, blobs } = await store({ materializeBytesMax: 2_000_000 });
    await blobs.putFile('over', await fileOf(2_500_000));
    await expect(blobs.materialize('over')).rejects.toMatchObject({
      name: 'UserError',
      message: 'The file must not be larger than 2 MB, but it has 2.5 MB. Send a smaller or more compressed one.',
    });
    expect(await readdir(scratchFolder)).toEqual([]);
    await blobs.putFile('just', await fileOf(2_000_000));
    expect(await readFile((await blobs.materialize('just')).path)).toHaveLength(2_000_000);
  });

  test.skipIf(process.platform !== 'linux')('a refused upload leaves its file closed', async () => {
    const refusesParts = await storeDoor((request, response) => {
      if (request.method !== 'POST') return false;
      response.writeHead(403).end();
      return true;
    }, server.endpoint());
    const { blobs } = await store({ endpoint: refusesParts.endpoint });
    const path = await fileOf(100_000_000);
    await expect(blobs.putFile(KEY, path)).rejects.toMatchObject({ name: 'UserError' });
    await expect.poll(() => openFiles()).not.toContain(path);
  });

  test('a bucket without permission is a UserError that does not name it', async () => {
    const { bucket, blobs } = await store();
    await blobs.put(KEY, Buffer.from('x'));
    const refusal = {
      Effect: 'Deny',
      Principal: '*',
      Action: ['s3:GetObject', 's3:PutObject'],
      Resource: `arn:aws:s3:::${bucket}/*`,
    };
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [refusal] });
    await server.client().send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
    for (const attempt of [() => blobs.get(KEY), () => blobs.put(KEY, Buffer.from('y'))]) {
      const error = await attempt().then(
        () => null,
        (thrown: Error) => thrown,
      );
      expect(error).toMatchObject({
        name: 'UserError',
        message: expect.stringContaining('The store of this deployment refused access. Allow its role s3:GetObject'),
      });
      expect(error?.message).not.toContain(bucket);
    }
  });

  test('a missing bucket is a UserError that does not name it', async () => {
    const { blobs } = await store({ bucket: 'tilesight-not-there' });
    for (const attempt of [() => blobs.get(KEY), () => blobs.put(KEY, Buffer.from('y'))]) {
      await expect(attempt()).rejects.toMatchObject({
        name: 'UserError',
        message: 'The bucket of this deployment does not exist. Correct its bucket setting.',
      });
    }
  });

  describe('links', () => {
    async function linked() {
      const door = await storeDoor(checksLinks(secretOf()), server.endpoint());
      const { bucket, blobs } = await store();
      return { links: s3Links({ bucket, endpoint: door.endpoint }), blobs };
    }

    test('a plain PUT stores exactly the announced bytes', async () => {
      const { links, blobs } = await linked();
      const { url, headers } = await links.forPut(KEY, { bytesMax: 6, expiresInS: 60 });
      const answer = await fetch(url, { method: 'PUT', headers, body: 'pixels' });
      expect(answer.status).toBe(200);
      expect(await blobs.get(KEY)).toEqual(Buffer.from('pixels'));
    });

    test('a second PUT is refused, and so is one without the condition', async () => {
      const { links, blobs } = await linked();
      const { url, headers } = await links.forPut(KEY, { bytesMax: 6, expiresInS: 60 });
      expect(headers).toEqual({ 'If-None-Match': '*' });
      expect((await fetch(url, { method: 'PUT', body: 'pixels' })).status).toBe(403);
      expect((await fetch(url, { method: 'PUT', headers, body: 'pixels' })).status).toBe(200);
      expect((await fetch(url, { method: 'PUT', headers, body: 'others' })).status).toBe(412);
      expect((await fetch(url, { method: 'PUT', body: 'others' })).status).toBe(403);
      expect(await blobs.get(KEY)).toEqual(Buffer.from('pixels'));
    });

    test.each(['pixel', 'pixels!', ''])('a PUT of another length (%j) is refused', async (body) => {
      const { links, blobs } = await linked();
      const { url, headers } = await links.forPut(KEY, { bytesMax: 6, expiresInS: 60 });
      expect((await fetch(url, { method: 'PUT', headers, body })).status).toBe(403);
      expect(await blobs.head(KEY)).toBeNull();
    });

    test('a PUT of unknown length is refused', async () => {
      const { links, blobs } = await linked();
      const { url, headers } = await links.forPut(KEY, { bytesMax: 6, expiresInS: 60 });
      const stream = new Blob(['pixels']).stream();
      expect((await fetch(url, { method: 'PUT', headers, body: stream, duplex: 'half' } as RequestInit)).status).toBe(403);
      expect(await blobs.head(KEY)).toBeNull();
    });

    test('a link is valid for one key, one method and a limited time', async () => {
      const { links, blobs } = await linked();
      await blobs.put(KEY, Buffer.from('pixels'));
      const { url } = await links.forPut(KEY, { bytesMax: 6, expiresInS: 60 });
      expect(new URL(url).searchParams.get('X-Amz-Expires')).toBe('60');
      const put = (changed: string) => fetch(changed, { method: 'PUT', body: 'others' });
      expect((await put(url.replace('/u1?', '/u2?'))).status).toBe(403);
      expect((await put(url.replace('X-Amz-Expires=60', 'X-Amz-Expires=61'))).status).toBe(403);
      expect((await fetch(url)).status).toBe(403);
      expect(await blobs.get(KEY)).toEqual(Buffer.from('pixels'));
      expect(await blobs.head('uploads/u2')).toBeNull();
    });

    test.each([KEY, 'a/ünï code (1)+x%20.jpg'])('a plain GET reads %j', async (key) => {
      const { links, blobs } = await linked();
      await blobs.put(key, Buffer.from('pixels'));
      const url = await links.forGet(key, { expiresInS: 60 });
      expect(await (await fetch(url)).text()).toBe('pixels');
      expect((await fetch(url, { method: 'PUT', body: 'others' })).status).toBe(403);
    });
  });
});

describe('without a real server:', () => {
  beforeEach(fakeCredentials);
  afterEach(() => vi.unstubAllEnvs());

  async function storeAt(endpoint: string, options: Partial<S3BlobsOptions> = {}) {
    const scratchFolder = await temporaryFolder();
    const blobs = s3Blobs({ bucket: 'images', scratchFolder, materializeBytesMax: 1_000, endpoint, ...options });
    return { blobs, scratchFolder };
  }

  /** A store that answers each request with this. */
  async function answering(
    answer: (response: ServerResponse, attempt: number) => unknown,
    options: Partial<S3BlobsOptions> = {},
  ) {
    let attempts = 0;
    const door = await storeDoor((_, response) => {
      answer(response, ++attempts);
      return true;
    });
    return { ...(await storeAt(door.endpoint, options)), requests: door.requests };
  }

  const LARGE = { materializeBytesMax: 2_000_000_000 };
  const READS: [string, (blobs: Blobs) => Promise<unknown>][] = [
    ['get', (blobs) => blobs.get(KEY)],
    ['getRange', (blobs) => blobs.getRange(KEY, 0, 100)],
    ['materialize', (blobs) => blobs.materialize(KEY)],
  ];

  test('a single fault of the store is retried', async () => {
    const { blobs } = await answering((response, attempt) =>
      attempt === 1
        ? response.writeHead(503).end()
        : response.writeHead(200, { etag: '"e"', 'content-length': '6' }).end('pixels'),
    );
    expect(await blobs.get(KEY)).toEqual(Buffer.from('pixels'));
  });

  test.each([
    [503, true],
    [429, true],
    [500, false],
  ])('a store that keeps answering %d is a TransientError after 4 attempts', async (status, throttled) => {
    const { blobs, requests } = await answering((response) => response.writeHead(status).end('<Error><Code>Said</Code></Error>'));
    const error = await blobs.get(KEY).then(
      () => null,
      (thrown: Error) => thrown,
    );
    expect(error).toMatchObject({ name: 'TransientError', throttled });
    expect(error?.message).not.toContain('Said');
    expect(requests).toHaveLength(4);
  });

  test('an unreachable store is a TransientError', async () => {
    const { blobs } = await storeAt(`http://127.0.0.1:${await closedPort()}`);
    await expect(blobs.head(KEY)).rejects.toMatchObject({
      name: 'TransientError',
      message: 'The connection to the store failed. Try again.',
    });
  });

  test.each(READS)('a body that ends early fails %s temporarily and leaves no file', async (_, read) => {
    const { blobs, scratchFolder } = await answering((response) => {
      response.writeHead(206, { etag: '"e"', 'content-length': '100' }).write('pixels', () => response.destroy());
    });
    await expect(read(blobs)).rejects.toMatchObject({
      name: 'TransientError',
      message: expect.stringContaining('The store broke off before the whole object arrived.'),
    });
    expect(await readdir(scratchFolder)).toEqual([]);
  });

  test.each(READS)('a body that falls silent fails %s temporarily and leaves no file', async (_, read) => {
    const { blobs, scratchFolder } = await answering(
      (response) => response.writeHead(206, { etag: '"e"', 'content-length': '100' }).write('pixels'),
      { silenceTimeoutMs: 100 },
    );
    await expect(read(blobs)).rejects.toMatchObject({ name: 'TransientError' });
    expect(await readdir(scratchFolder)).toEqual([]);
  });

  test('a store that never answers is a TransientError', async () => {
    const { blobs } = await answering(() => {}, { silenceTimeoutMs: 100 });
    await expect(blobs.head(KEY)).rejects.toMatchObject({ name: 'TransientError' });
  });

  test('bytes are counted if no length is announced', async () => {
    const { blobs, scratchFolder } = await answering((response) => {
      response.writeHead(200, { etag: '"e"' }).write(Buffer.alloc(1_000), () => response.end('x'));
    });
    await expect(blobs.materialize(KEY)).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringContaining('but it has more'),
    });
    expect(await readdir(scratchFolder)).toEqual([]);
  });

  test.each<[string, Partial<S3BlobsOptions>, (blobs: Blobs) => Promise<unknown>, object]>([
    ['a range from a store that ignores ranges', {}, (blobs) => blobs.getRange(KEY, 5, 10), { name: 'RangeError' }],
    ['an object above the limit', {}, (blobs) => blobs.materialize(KEY), { name: 'UserError' }],
    [
      'a copy that cannot be written',
      { ...LARGE, scratchFolder: '/not/there' },
      (blobs) => blobs.materialize(KEY),
      { code: 'ENOENT' },
    ],
  ])('%s is not read to its end', async (_, options, read, error) => {
    const closed = Promise.withResolvers<void>();
    const { blobs } = await answering((response) => {
      response.writeHead(200, { etag: '"e"', 'content-length': '1000000000' }).write('the beginning of a gigabyte');
      response.once('close', closed.resolve);
    }, options);
    await expect(read(blobs)).rejects.toMatchObject(error);
    await closed.promise;
  });

  test('the bucket is part of the path at an S3-compatible store', async () => {
    const door = await storeDoor((_, response) => !!response.writeHead(404).end());
    const { blobs } = await storeAt(door.endpoint.replace('127.0.0.1', 'localhost'));
    expect(await blobs.head(KEY)).toBeNull();
    expect(door.requests).toEqual(['HEAD /images/uploads/u1']);
  });

  test('a refusal without a body, as for HEAD, is a UserError', async () => {
    const { blobs, requests } = await answering((response) => response.writeHead(403).end());
    await expect(blobs.head(KEY)).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringContaining('The store of this deployment refused access.'),
    });
    expect(requests).toHaveLength(1);
  });

  test('an expired session is a TransientError: the credentials are renewed', async () => {
    const { blobs } = await answering((response) =>
      response.writeHead(400).end('<Error><Code>ExpiredToken</Code><Message>Said</Message></Error>'),
    );
    await expect(blobs.get(KEY)).rejects.toMatchObject({
      name: 'TransientError',
      message: 'The AWS credentials for the store have expired. Try again, or renew them.',
    });
  });

  test('a HEAD that is refused without a code is explained by a GET of the first byte', async () => {
    const { blobs, requests } = await answering((response, attempt) =>
      response.writeHead(400).end(attempt === 1 ? undefined : '<Error><Code>ExpiredToken</Code></Error>'),
    );
    await expect(blobs.head(KEY)).rejects.toMatchObject({
      name: 'TransientError',
      message: expect.stringContaining('credentials for the store have'),
    });
    expect(requests).toEqual([`HEAD /images/${KEY}`, `GET /images/${KEY}?x-id=GetObject`]);
  });

  test.each([
    ['InvalidObjectState', 403, 'Said', 'The object is archived. Restore a copy of it in S3 first, and try again.'],
    [
      'AccessDenied',
      403,
      'not authorized to perform: kms:Decrypt',
      'may not use the KMS key of the object. Allow its roles kms:',
    ],
    [
      'AccessDenied',
      403,
      'with an explicit deny in a service control policy',
      'A policy of the bucket, the account or its organization denies access to the store of this deployment. Ask their',
    ],
    ['KMS.DisabledException', 400, 'Said', 'may not use the KMS key of the object. Allow its roles kms:'],
  ])('%s (%d: %s) has a sentence of its own', async (code, status, message, sentence) => {
    const { blobs } = await answering((response) =>
      response.writeHead(status).end(`<Error><Code>${code}</Code><Message>${message}</Message></Error>`),
    );
    const expected = { name: 'UserError', message: expect.stringContaining(sentence) };
    await expect(blobs.get(KEY)).rejects.toMatchObject(expected);
    await expect(blobs.put(KEY, Buffer.from('x'))).rejects.toMatchObject(expected);
  });

  test.each([
    ['the other writer succeeds', 412, false],
    ['the other writer gives up', 200, true],
  ])('a conditional write that meets another is repeated: %s', async (_, status, written) => {
    const conflict = '<Error><Code>ConditionalRequestConflict</Code></Error>';
    const taken = '<Error><Code>PreconditionFailed</Code></Error>';
    const { blobs, requests } = await answering((response, attempt) =>
      attempt < 3 ? response.writeHead(409).end(conflict) : response.writeHead(status).end(status === 412 ? taken : undefined),
    );
    expect(await blobs.putNew(KEY, Buffer.from('x'))).toBe(written);
    expect(requests).toHaveLength(3);
  });

  test('a conditional write that always meets another is a TransientError after 4 attempts', async () => {
    const { blobs, requests } = await answering((response) =>
      response.writeHead(409).end('<Error><Code>ConditionalRequestConflict</Code></Error>'),
    );
    await expect(blobs.putNew(KEY, Buffer.from('x'))).rejects.toMatchObject({ name: 'TransientError' });
    expect(requests).toHaveLength(4);
  });

  test('missing credentials are a UserError, for objects and for links', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    for (const file of ['AWS_SHARED_CREDENTIALS_FILE', 'AWS_CONFIG_FILE'])
      vi.stubEnv(file, join(await temporaryFolder(), 'none'));
    const endpoint = `http://127.0.0.1:${await closedPort()}`;
    const { blobs } = await storeAt(endpoint);
    const links = s3Links({ bucket: 'images', endpoint });
    const expected = { name: 'UserError', message: expect.stringContaining('No AWS credentials were found for the store.') };
    await expect(blobs.head(KEY)).rejects.toMatchObject(expected);
    await expect(links.forGet(KEY, { expiresInS: 60 })).rejects.toMatchObject(expected);
  });

  test.each(['../outside', 'a//b'])('no link is made for the key %j', async (key) => {
    const links = s3Links({ bucket: 'images' });
    await expect(links.forGet(key, { expiresInS: 60 })).rejects.toThrow(/is invalid\. A key is relative/);
    await expect(links.forPut(key, { bytesMax: 1, expiresInS: 60 })).rejects.toThrow(/is invalid\. A key is relative/);
  });

  test('links contain no checksum of bytes that are not known yet', async () => {
    const { url } = await s3Links({ bucket: 'images' }).forPut(KEY, { bytesMax: 6, expiresInS: 60 });
    expect(url).not.toMatch(/checksum/i);
    expect(new URL(url).searchParams.get('X-Amz-SignedHeaders')).toBe('content-length;host;if-none-match');
  });

  test('clients of AWS and of web hosts are loaded on first use', async () => {
    const adapters = ['storage/s3-blobs', 'storage/s3-links', 'sources/index', 'config'].map(
      (name) => new URL(`../../pipeline/${name}.ts`, import.meta.url).href,
    );
    const program = `
      import { registerHooks } from 'node:module';
      const loaded = [];
      registerHooks({ resolve(name, context, next) { if (/^@aws-sdk.|^ipaddr.js$|https-request/.test(name)) loaded.push(name); return next(name, context); } });
      const [{ s3Blobs }, { s3Links }, { openSources, SOURCES }, { readMcpServerConfig }] = await Promise.all(${JSON.stringify(adapters)}.map((url) => import(url)));
      const blobs = s3Blobs({ bucket: 'images', scratchFolder: '.', materializeBytesMax: 1 });
      const allowed = { ALLOWED_BUCKETS: 'plans', ALLOWED_IMAGE_HOSTS: 'example.org' };
      openSources(SOURCES.aws, readMcpServerConfig({ BUCKET: 'images', PIPELINE_FUNCTION: 'pipeline:live', ...allowed }));
      const before = [...loaded];
      await s3Links({ bucket: 'images' }).forGet('${KEY}', { expiresInS: 60 });
      console.log(JSON.stringify({ before, after: loaded }));`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program]);
    const { before, after } = JSON.parse(stdout);
    expect(before).toEqual([]);
    expect(after).toEqual(expect.arrayContaining(['@aws-sdk/client-s3', '@aws-sdk/s3-request-presigner']));
    expect(after).not.toContain('@aws-sdk/lib-storage');
  });
});

async function openFiles(): Promise<string[]> {
  const descriptors = await readdir('/proc/self/fd');
  return await Promise.all(descriptors.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
}

function secretOf(): string {
  // biome-ignore lint/style/noProcessEnv: with S3_TEST_ENDPOINT, the server's own.
  return process.env.AWS_SECRET_ACCESS_KEY ?? FAKE_SECRET;
}
