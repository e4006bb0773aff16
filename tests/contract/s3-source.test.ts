// Images named s3://bucket/key, found and copied: against a real S3-compatible server where there is one, and against faults on
// loopback.
import { readdir, readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { PutBucketPolicyCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { depsByCaller, type SharedDeps } from '../../mcp-server/access/callers.ts';
import { readMcpServerConfig } from '../../pipeline/config.ts';
import type { AnalysisRequest } from '../../pipeline/contract/schemas.ts';
import type { Blobs, ImageDownloads, ImageSources, PipelineDeps } from '../../pipeline/ports.ts';
import { openSources, SOURCES } from '../../pipeline/sources/index.ts';
import { type S3Settings, s3 } from '../../pipeline/sources/s3-source.ts';
import type { Source } from '../../pipeline/sources/source.ts';
import { upload } from '../../pipeline/sources/upload-source.ts';
import { fsBlobs } from '../../pipeline/storage/folder-blobs.ts';
import { s3Blobs } from '../../pipeline/storage/s3-blobs.ts';
import { fakeCredentials } from '../support/aws-credentials.ts';
import { drawImage } from '../support/drawn.ts';
import { temporaryFolder } from '../support/folder.ts';
import { ROLE, USER } from '../support/function-url.ts';
import { pipelineStage, requestFor, runPipeline } from '../support/pipeline-run.ts';
import { NO_S3_SERVER, s3Server } from '../support/s3-server.ts';
import { scriptedVision } from '../support/scripted-vision.ts';
import { storeDoor } from '../support/store-door.ts';
import { analyzedWithSwap, MOMENTS, type Moment, painted } from '../support/swapped.ts';

if (NO_S3_SERVER) console.warn(`Tests against a real S3-compatible server are ${NO_S3_SERVER}.`);

const PIXELS = Buffer.from('pixels');
const BYTES_MAX = 1_000_000;
const ODD_KEYS = [
  'a b/plan 1+1.jpg',
  'größe/план.jpg',
  '100%.jpg',
  'a%20b%2Fc.jpg',
  'q?size=2#top.jpg',
  "it's (1)!*~&=@:,;$.jpg",
];

/** The sentence with which the image is refused. */
async function refusal(attempt: Promise<unknown>): Promise<string> {
  const error: unknown = await attempt.catch((thrown: unknown) => thrown);
  if (error instanceof Error && error.name === 'UserError') return error.message;
  throw new Error(`Expected a UserError, got ${JSON.stringify(error)}.`, { cause: error });
}

/** The sources of a deployment on AWS that allows no hosts. */
function openedOn(blobs: Blobs, settings: S3Settings): { images: ImageSources; remote: ImageDownloads } {
  const { imagesIn, downloads } = openSources({ upload, s3 }, settings);
  return { images: imagesIn(blobs), remote: downloads };
}

/** Downloads into a new folder, which must be empty after a failure. */
async function downloaded(from: ImageDownloads, url: string, version?: string, bytesMax = BYTES_MAX): Promise<Buffer> {
  const folder = await temporaryFolder();
  try {
    await from.download(url, join(folder, 'image'), bytesMax, version);
  } catch (error) {
    expect(await readdir(folder)).toEqual([]);
    throw error;
  }
  expect(await readdir(folder)).toEqual(['image']);
  return await readFile(join(folder, 'image'));
}

const MOMENTS_OF_SWAPS = Object.keys(MOMENTS) as Moment[];

describe.skipIf(NO_S3_SERVER)(NO_S3_SERVER ?? 'against a real S3-compatible server:', () => {
  const server = s3Server();

  /** The bucket of the deployment, and another allowed bucket. */
  async function place() {
    const [own, other, scratchFolder] = [await server.bucket(), await server.bucket(), await temporaryFolder()];
    const endpoint = server.endpoint();
    const blobs = s3Blobs({ bucket: own, scratchFolder, materializeBytesMax: BYTES_MAX, endpoint });
    const allowedBuckets = [other];
    const put = async (Bucket: string, Key: string, Body: Uint8Array = PIXELS) =>
      void (await server.client().send(new PutObjectCommand({ Bucket, Key, Body })));
    return {
      ...{ own, other, blobs, put },
      ...openedOn(blobs, { BUCKET: own, ALLOWED_BUCKETS: allowedBuckets, endpoint }),
    };
  }

  test('an image in an allowed bucket is found by its address, and copied as that version', async () => {
    const { other, put, images, remote } = await place();
    await put(other, 'site/plan.jpg');
    const url = `s3://${other}/site/plan.jpg`;
    const image = await images.resolve(`S3${url.slice(2)}`);
    expect(image).toEqual({ source: { kind: 'url', url }, uri: url, version: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect(await downloaded(remote, url, image.version)).toEqual(PIXELS);
  });

  test('an image that was replaced after it was named is refused, unless its bytes are the same', async () => {
    const { other, put, images, remote } = await place();
    const url = `s3://${other}/plan.jpg`;
    await put(other, 'plan.jpg');
    const { version } = await images.resolve(url);
    await put(other, 'plan.jpg');
    expect(await downloaded(remote, url, version)).toEqual(PIXELS);
    await put(other, 'plan.jpg', Buffer.from('others'));
    expect(await refusal(downloaded(remote, url, version))).toBe(
      `The image ${url} has changed since it was named. Name it again to analyze its current version.`,
    );
    expect((await images.resolve(url)).version).not.toBe(version);
  });

  test.each(ODD_KEYS)('a key is used exactly as written: %s', async (key) => {
    const { own, other, put, images, remote } = await place();
    for (const bucket of [own, other]) await put(bucket, key);
    expect((await images.resolve(`s3://${own}/${key}`)).source).toEqual({ kind: 'blob', key });
    const { version } = await images.resolve(`s3://${other}/${key}`);
    expect(await downloaded(remote, `s3://${other}/${key}`, version)).toEqual(PIXELS);
    const escaped = encodeURIComponent(key);
    if (escaped !== key)
      await expect(images.resolve(`s3://${other}/${escaped}`)).rejects.toThrow('does not exist or may not be read');
  });

  test('an image of the deployment’s bucket is an object of its store', async () => {
    const { own, put, blobs, images } = await place();
    await put(own, 'plans/site.jpg');
    const uri = `s3://${own}/plans/site.jpg`;
    const version = (await blobs.head('plans/site.jpg'))?.version;
    expect(await images.resolve(uri)).toEqual({ source: { kind: 'blob', key: 'plans/site.jpg' }, uri, version });
  });

  test('a missing image and an unreadable one are refused with the same sentence', async () => {
    const { other, put, images, remote } = await place();
    await put(other, 'plan.jpg');
    const url = (key: string) => `s3://${other}/${key}`;
    const missing = await refusal(images.resolve(url('none.jpg')));
    const notCopied = await refusal(downloaded(remote, url('none.jpg')));
    expect(missing).toMatch(
      /^The image s3:\/\/.* does not exist or may not be read\. This server accepts an upload_id or an s3:\/\/ address in /,
    );
    const Action = ['s3:GetObject', 's3:HeadObject'];
    const Statement = [{ Effect: 'Deny', Principal: '*', Action, Resource: `arn:aws:s3:::${other}/*` }];
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
    await server.client().send(new PutBucketPolicyCommand({ Bucket: other, Policy }));
    expect(await refusal(images.resolve(url('plan.jpg')))).toBe(missing.replace('none.jpg', 'plan.jpg'));
    expect(await refusal(downloaded(remote, url('plan.jpg')))).toBe(notCopied.replace('none.jpg', 'plan.jpg'));
  });

  test('an allowed bucket that does not exist is refused, and is not a fault of the deployment', async () => {
    const { own, blobs } = await place();
    const [allowedBuckets, endpoint] = [['tilesight-not-there'], server.endpoint()];
    const { images, remote } = openedOn(blobs, { BUCKET: own, ALLOWED_BUCKETS: allowedBuckets, endpoint });
    const url = 's3://tilesight-not-there/plan.jpg';
    expect(await refusal(images.resolve(url))).toContain('does not exist or may not be read. This server');
    expect(await refusal(downloaded(remote, url))).toContain('does not exist or may not be read. Check the address');
  });

  test('an archived image is refused, when it is named and when it is copied', async () => {
    const { other, images, remote } = await place();
    const url = `s3://${other}/plan.jpg`;
    const object = { Bucket: other, Key: 'plan.jpg', Body: PIXELS, StorageClass: 'GLACIER' } as const;
    await server.client().send(new PutObjectCommand(object));
    const sentence = `The image ${url} is archived. Restore a copy of it in S3 first, or upload the image.`;
    expect(await refusal(images.resolve(url))).toBe(sentence);
    expect(await refusal(downloaded(remote, url))).toBe(sentence);
  });

  test('an object above the limit is not copied, but one exactly at the limit is', async () => {
    const { other, put, remote } = await place();
    await put(other, 'plan.jpg', Buffer.alloc(2_000_000));
    expect(await refusal(downloaded(remote, `s3://${other}/plan.jpg`, undefined, 1_999_999))).toMatch(
      /^The file must not be larger than/,
    );
    expect(await downloaded(remote, `s3://${other}/plan.jpg`, undefined, 2_000_000)).toHaveLength(2_000_000);
  });

  describe('through the pipeline,', () => {
    async function drawn(): Promise<Buffer> {
      const path = join(await temporaryFolder(), 'plan.png');
      await drawImage(path, 300, 300, { left: 50, top: 50, edge: 40 });
      return await readFile(path);
    }
    const analyzed = async (image: AnalysisRequest['image'], remote: ImageDownloads) => {
      const around = (deps: PipelineDeps) => ({ ...deps, imageDownloads: remote });
      return await runPipeline('', scriptedVision(), {}, { around, request: { image } });
    };

    test('it is analyzed like any other image', async () => {
      const { other, put, images, remote } = await place();
      await put(other, 'site plan.png', await drawn());
      const image = await images.resolve(`s3://${other}/site plan.png`);
      const { progress, document, files } = await analyzed(image, remote);
      expect(progress.status).toBe('SUCCEEDED');
      expect(document?.image).toMatchObject({ uri: image.uri, version: image.version, width: 300, height: 300, format: 'png' });
      expect(files.filter((file) => file.startsWith('scratch'))).toEqual([]);
    });

    const swaps = (['own', 'other'] as const).flatMap((bucket) => MOMENTS_OF_SWAPS.map((moment) => ({ bucket, moment })));
    test.each(swaps)('only the named object of the $bucket bucket is analyzed if it is replaced $moment', async (row) => {
      const { own, other, put, images, blobs, remote } = await place();
      const stage = await pipelineStage();
      const around = (deps: PipelineDeps): PipelineDeps => ({
        ...deps,
        blobs: { ...deps.blobs, ...(row.bucket === 'own' && { materialize: blobs.materialize }) },
        imageDownloads: remote,
      });
      const bucket = row.bucket === 'own' ? own : other;
      await put(bucket, 'plan.tif', await painted('#00ff00'));
      const image = await images.resolve(`s3://${bucket}/plan.tif`);
      expect(image.source.kind).toBe(row.bucket === 'own' ? 'blob' : 'url');
      const request = { ...requestFor('', { skip_blank: false }), image };
      const red = await painted('#ff0000');
      const swap = async () => await put(bucket, 'plan.tif', red);
      const { progress } = await analyzedWithSwap({ stage, request, moment: row.moment, swap, around });
      if (row.moment === 'before it is inspected') expect(progress.status).toBe('FAILED');
      if (progress.status === 'FAILED') expect(progress.reason).toContain('has changed since it was named');
    });

    test('an image that has changed since it was named fails with that reason', async () => {
      const { other, put, images, remote } = await place();
      await put(other, 'plan.png');
      const image = await images.resolve(`s3://${other}/plan.png`);
      await put(other, 'plan.png', await drawn());
      const { progress, files } = await analyzed(image, remote);
      expect(progress).toMatchObject({ status: 'FAILED', reason: expect.stringContaining('has changed since') });
      expect(files).toEqual(['blobs/executions/run-1/progress.json']);
    });
  });
});

describe('without a real server:', () => {
  beforeEach(fakeCredentials);
  afterEach(() => vi.unstubAllEnvs());

  const OWN = 'deployment';
  const ALLOWED = ['plans', 'surveys'];
  const ACCEPTED = 'an upload_id or an s3:// address in this deployment’s bucket or plans or surveys';

  type Doorman = (response: ServerResponse, request: IncomingMessage) => unknown;
  const nobody: Doorman = (response) => response.writeHead(501).end();

  /** The answer of foreign buckets; the deployment's own bucket is a folder. */
  async function place(doorman: Doorman = nobody, options: Partial<S3Settings & { hosts: string[] }> = {}) {
    const { endpoint, requests } = await storeDoor((request, response) => {
      doorman(response, request);
      return true;
    });
    const blobs = fsBlobs(await temporaryFolder());
    const config = readMcpServerConfig({ BUCKET: OWN, PIPELINE_FUNCTION: 'pipeline:live', ALLOWED_BUCKETS: ALLOWED.join() });
    const settings = { ...config, ALLOWED_IMAGE_HOSTS: options.hosts ?? [], endpoint, ...options };
    const { imagesIn, downloads } = openSources(SOURCES.aws, settings);
    return { blobs, imagesIn, images: imagesIn(blobs), remote: downloads, requests };
  }

  describe('an address', () => {
    test('of an upload is the upload, by its id and by its key', async () => {
      const { blobs, images } = await place();
      await blobs.put('uploads/plan.jpg-0123', PIXELS);
      const image = await images.resolve('plan.jpg-0123');
      expect(image).toMatchObject({ source: { kind: 'blob', key: 'uploads/plan.jpg-0123' }, uri: 'upload://plan.jpg-0123' });
      expect(await images.resolve(`s3://${OWN}/uploads/plan.jpg-0123`)).toEqual(image);
    });

    test.each(['none', '', 'a/b', 'PLAN', 'a..b'])('of a missing upload %j is refused as its id is', async (id) => {
      const { blobs, images } = await place();
      for (const key of ['uploads/a/b', 'uploads/PLAN', 'uploads/a..b']) await blobs.put(key, PIXELS);
      if (id === '')
        return expect(await refusal(images.resolve(`s3://${OWN}/uploads/`))).toContain(`This server accepts ${ACCEPTED}, not s3`);
      expect(await refusal(images.resolve(`s3://${OWN}/uploads/${id}`))).toBe(await refusal(images.resolve(id)));
    });

    test('of another caller’s upload is refused as missing; own and shared objects are found', async () => {
      const { blobs, imagesIn } = await place();
      const depsOf = depsByCaller({ blobs, imagesIn } as unknown as SharedDeps, 'caller');
      const [first, second] = [depsOf(USER), depsOf(ROLE)];
      const id = `plan-0123-${first.owner}`;
      for (const key of [`uploads/${id}`, 'plans/site.jpg']) await blobs.put(key, PIXELS);
      for (const name of [id, `s3://${OWN}/uploads/${id}`]) {
        expect((await first.images.resolve(name)).source).toEqual({ kind: 'blob', key: `uploads/${id}` });
        expect(await refusal(second.images.resolve(name))).toContain('No image was uploaded under the upload_id');
      }
      for (const { images } of [first, second])
        expect((await images.resolve(`s3://${OWN}/plans/site.jpg`)).source.kind).toBe('blob');
    });

    test.each(['executions/e1/findings.json', 'executions/e1/overview.jpg', 'index/by-time/1-e1'])(
      '%s belongs to an execution, and is refused as missing',
      async (key) => {
        const { blobs, images } = await place(nobody, { ALLOWED_BUCKETS: [...ALLOWED, OWN] });
        await blobs.put(key, PIXELS);
        const missing = await refusal(images.resolve(`s3://${OWN}/none.jpg`));
        expect(missing).toContain('does not exist or may not be read. This server accepts');
        expect(await refusal(images.resolve(`s3://${OWN}/${key}`))).toBe(missing.replace('none.jpg', key));
      },
    );

    test.each(ODD_KEYS)('in the deployment’s bucket is not URL-decoded: %s', async (key) => {
      const { blobs, images } = await place();
      await blobs.put(key, PIXELS);
      const uri = `s3://${OWN}/${key}`;
      expect(await images.resolve(uri)).toMatchObject({ source: { kind: 'blob', key }, uri });
    });

    test.each([
      ...['../deployment/executions/e1/findings.json', 'a/../executions/e1/findings.json', 'a/..', './plan.jpg', 'a//plan.jpg'],
      ...[
        '/plan.jpg',
        'a/',
        'a\\..\\plan.jpg',
        'plan.jpg\n',
        'plan\0.jpg',
        'plan\ud800.jpg',
        '.parts/plan.jpg',
        'ü'.repeat(513),
        '',
      ],
    ])('with a key that could lead elsewhere is refused in every bucket without a request: %j', async (key) => {
      const { images, remote, requests } = await place();
      for (const bucket of [OWN, ...ALLOWED]) {
        const url = `s3://${bucket}/${key}`;
        expect(await refusal(images.resolve(url))).toBe(
          `This server accepts ${ACCEPTED}, not ${url.slice(0, 200)}. Upload the image instead.`,
        );
        expect(await refusal(downloaded(remote, url))).toContain('is not an s3:// address in an allowed bucket. Upload');
      }
      expect(requests).toEqual([]);
    });

    test.each([
      's3://private/plan.jpg',
      's3://PLANS/plan.jpg',
      's3://plans.example/plan.jpg',
      's3://plan/s.jpg',
      's3:///plans/a.jpg',
    ])('in another bucket is refused without a request: %s', async (url) => {
      const { images, remote, requests } = await place();
      expect(await refusal(images.resolve(url))).toBe(`This server accepts ${ACCEPTED}, not ${url}. Upload the image instead.`);
      expect(await refusal(downloaded(remote, url))).toContain('is not an s3:// address in an allowed bucket');
      expect(requests).toEqual([]);
    });

    test.each([
      'file:///etc/passwd',
      'FILE:///plan.jpg',
      'http://example.org/plan.jpg',
      'https://example.org/plan.jpg',
      's3:plans/plan.jpg',
    ])('%s is refused, and the sentence names what is accepted', async (image) => {
      const { images } = await place();
      expect(await refusal(images.resolve(image))).toBe(
        `This server accepts ${ACCEPTED}, not ${image}. Upload the image instead.`,
      );
    });

    test('on an allowed host is accepted, and the sentence names hosts and buckets only if there are any', async () => {
      const { images } = await place(nobody, { ALLOWED_BUCKETS: [], hosts: ['example.org'] });
      const url = 'https://example.org/plan.jpg';
      expect(await images.resolve(url)).toEqual({ source: { kind: 'url', url }, uri: url, version: url });
      expect(await refusal(images.resolve('s3://plans/plan.jpg'))).toBe(
        'This server accepts an upload_id or an s3:// address in this deployment’s bucket or an https:// address on example.org, ' +
          'not s3://plans/plan.jpg. Upload the image instead.',
      );
    });

    test('outside a long list of buckets is refused with a shortened list', async () => {
      const { images } = await place(nobody, { ALLOWED_BUCKETS: Array.from({ length: 500 }, (_, at) => `bucket-${at}`) });
      expect(await refusal(images.resolve('file:///plan.jpg'))).toContain('or bucket-9 or 490 more buckets, not file:');
    });

    test.each([301, 400, 401, 403, 404, 410])(
      'in an allowed bucket that answers %d is refused as missing, with the same sentence',
      async (status) => {
        const { images, requests } = await place((response) => response.writeHead(status).end());
        const url = 's3://plans/plan.jpg';
        expect(await refusal(images.resolve(url))).toBe(
          `The image ${url} does not exist or may not be read. This server accepts ${ACCEPTED}. Check the name, or upload the image.`,
        );
        const explained = status === 400 || status === 403; // a HEAD has no code of its error; a GET of the first byte has
        expect(requests).toEqual(['HEAD /plans/plan.jpg', ...(explained ? ['GET /plans/plan.jpg?x-id=GetObject'] : [])]);
      },
    );

    const ERROR = (code: string, message = 'Said.', more = '') =>
      `<Error><Code>${code}</Code><Message>${message}</Message>${more}</Error>`;
    /** A bucket that answers HEAD with a status alone, and GET with the error. */
    const refusing =
      (status: number, error: string): Doorman =>
      (response, { method }) =>
        response.writeHead(status).end(method === 'HEAD' ? undefined : error);
    const URL_OF = 's3://plans/plan.jpg';

    test.each([
      ['a key that the role may not use', 403, ERROR('AccessDenied', 'User: r is not authorized to perform: kms:Decrypt on k')],
      ['a disabled key', 400, ERROR('KMS.DisabledException')],
    ])('that is encrypted with %s is refused because of the key, and so is its copy', async (_, status, error) => {
      const { images, remote } = await place(refusing(status, error));
      const sentence =
        `The image ${URL_OF} is encrypted with a KMS key that this server may not use. ` +
        'Add the key to AllowedBucketKeys of the deployment, or upload the image.';
      expect(await refusal(images.resolve(URL_OF))).toBe(sentence);
      expect(await refusal(downloaded(remote, URL_OF))).toBe(sentence);
    });

    const ARCHIVED = `The image ${URL_OF} is archived. Restore a copy of it in S3 first, or upload the image.`;

    test.each([
      { 'x-amz-storage-class': 'GLACIER' },
      { 'x-amz-storage-class': 'DEEP_ARCHIVE', 'x-amz-restore': 'ongoing-request="true"' },
      { 'x-amz-storage-class': 'INTELLIGENT_TIERING', 'x-amz-archive-status': 'ARCHIVE_ACCESS' },
    ])('in an archive is refused when it is named: %j', async (headers) => {
      const { images } = await place((response) =>
        response.writeHead(200, { ...headers, etag: '"e1"', 'content-length': '6' }).end(),
      );
      expect(await refusal(images.resolve(URL_OF))).toBe(ARCHIVED);
    });

    test('in an archive that was restored, or that needs no restoring, is accepted', async () => {
      const restored = { 'x-amz-storage-class': 'GLACIER', 'x-amz-restore': 'ongoing-request="false", expiry-date="Fri"' };
      for (const headers of [restored, { 'x-amz-storage-class': 'GLACIER_IR' }]) {
        const { images } = await place((response) =>
          response.writeHead(200, { ...headers, etag: '"e1"', 'content-length': '6' }).end(),
        );
        expect((await images.resolve(URL_OF)).version).toBe('e1');
      }
    });

    test('that was archived since it was named is refused when it is copied', async () => {
      const { remote } = await place(refusing(403, ERROR('InvalidObjectState')));
      expect(await refusal(downloaded(remote, URL_OF))).toBe(ARCHIVED);
    });

    test('in a bucket that charges its readers is refused because of that, at the price of one byte', async () => {
      const ranges: unknown[] = [];
      const { images } = await place((response, { headers, method }) => {
        if (method === 'HEAD' || headers['x-amz-request-payer'] !== 'requester') return response.writeHead(403).end();
        ranges.push(headers.range);
        return response.writeHead(206, { etag: '"e1"', 'content-length': '1', 'x-amz-request-charged': 'requester' }).end('p');
      });
      expect(await refusal(images.resolve(URL_OF))).toBe(
        `The bucket of ${URL_OF} charges its readers (Requester Pays), which this server does not accept. ` +
          'Copy the image to another bucket, or upload it.',
      );
      expect(ranges).toEqual(['bytes=0-0']);
    });

    test('is a temporary failure while the credentials have expired', async () => {
      const { images, remote } = await place(refusing(400, ERROR('ExpiredToken')));
      for (const attempt of [() => images.resolve(URL_OF), () => downloaded(remote, URL_OF)])
        await expect(attempt()).rejects.toMatchObject({
          name: 'TransientError',
          message: 'The AWS credentials for the store have expired. Try again, or renew them.',
        });
    });

    test.each([500, 503])('in an allowed bucket that keeps answering %d is a temporary failure', async (status) => {
      const { images } = await place((response) => response.writeHead(status).end());
      await expect(images.resolve('s3://plans/plan.jpg')).rejects.toMatchObject({ name: 'TransientError' });
    });

    test('is refused without credentials because of them, not as missing', async () => {
      for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_PROFILE']) vi.stubEnv(name, undefined);
      vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
      const none = join(await temporaryFolder(), 'none');
      for (const file of ['AWS_SHARED_CREDENTIALS_FILE', 'AWS_CONFIG_FILE']) vi.stubEnv(file, none);
      const { images, remote } = await place();
      const sentence = 'No AWS credentials were found for the store.';
      expect(await refusal(images.resolve('s3://plans/plan.jpg'))).toContain(sentence);
      expect(await refusal(downloaded(remote, 's3://plans/plan.jpg'))).toContain(sentence);
    });

    test('in a bucket of another region is read from that region', async () => {
      const { images, remote } = await place((response, { headers }) =>
        headers.authorization?.includes('/eu-central-1/s3/')
          ? response.writeHead(200, { etag: '"e1"', 'content-length': '0' }).end()
          : response.writeHead(301, { 'x-amz-bucket-region': 'eu-central-1' }).end(),
      );
      expect((await images.resolve('s3://plans/plan.jpg')).version).toBe('e1');
      expect(await downloaded(remote, 's3://plans/plan.jpg', 'e1')).toHaveLength(0);
    });
  });

  describe('a bucket of another region', () => {
    const FRANKFURT = 'eu-central-1';
    const isThere = (headers: IncomingMessage['headers']) => headers.authorization?.includes(`/${FRANKFURT}/s3/`) ?? false;
    const malformed = `<Error><Code>AuthorizationHeaderMalformed</Code><Region>${FRANKFURT}</Region></Error>`;

    test.each<[string, (response: ServerResponse, method: string | undefined) => unknown]>([
      ['a redirect', (response) => response.writeHead(301, { 'x-amz-bucket-region': FRANKFURT }).end()],
      ['a wrong signature', (response) => response.writeHead(400, { 'x-amz-bucket-region': FRANKFURT }).end()],
      ['a refusal', (response) => response.writeHead(403, { 'x-amz-bucket-region': FRANKFURT }).end()],
      [
        'a wrong signature, in its body only',
        (response, method) => response.writeHead(400).end(method === 'HEAD' ? undefined : malformed),
      ],
    ])('that is named by %s is asked there, and from then on first', async (_, elsewhere) => {
      const { images, remote, requests } = await place((response, { headers, method }) =>
        isThere(headers)
          ? response.writeHead(200, { etag: '"e1"', 'content-length': '6' }).end(method === 'HEAD' ? undefined : PIXELS)
          : elsewhere(response, method),
      );
      expect((await images.resolve('s3://plans/plan.jpg')).version).toBe('e1');
      const before = requests.length;
      expect(await downloaded(remote, 's3://plans/plan.jpg', 'e1')).toEqual(PIXELS);
      expect(requests.length - before).toBe(1);
    });

    test.each(['evil.example.org/?', 'us-east-1.evil.example', '', 'us-east-1'])('is not followed to %j', async (region) => {
      const { images, requests } = await place((response) => response.writeHead(301, { 'x-amz-bucket-region': region }).end());
      expect(await refusal(images.resolve('s3://plans/plan.jpg'))).toContain('does not exist or may not be read');
      expect(requests).toHaveLength(1);
    });
  });

  describe('a copy', () => {
    const URL_OF_PLAN = 's3://plans/plan.jpg';
    const head = (bytes: number) => ({ etag: '"e1"', 'content-length': String(bytes) });

    test.each([301, 400, 403, 404])('is refused if the bucket answers %d', async (status) => {
      const { remote } = await place((response) => response.writeHead(status).end());
      expect(await refusal(downloaded(remote, URL_OF_PLAN))).toBe(
        `The image ${URL_OF_PLAN} does not exist or may not be read. Check the address, or upload the image.`,
      );
    });

    test('fails temporarily if the bucket keeps failing, and survives a single fault', async () => {
      let asked = 0;
      const { remote } = await place((response) =>
        ++asked === 1 ? response.writeHead(503).end() : response.writeHead(200, head(6)).end(PIXELS),
      );
      expect(await downloaded(remote, URL_OF_PLAN, 'e1')).toEqual(PIXELS);
      const { remote: broken } = await place((response) => response.writeHead(503).end());
      await expect(downloaded(broken, URL_OF_PLAN)).rejects.toMatchObject({ name: 'TransientError', throttled: true });
    });

    test('fails temporarily if the connection breaks, and leaves no file', async () => {
      const { remote } = await place((response) => response.writeHead(200, head(100)).write(PIXELS, () => response.destroy()));
      await expect(downloaded(remote, URL_OF_PLAN)).rejects.toMatchObject({ name: 'TransientError' });
    });

    test('fails temporarily if the connection falls silent, and leaves no file', async () => {
      const { remote } = await place((response) => response.writeHead(200, head(100)).write(PIXELS), { silenceTimeoutMs: 100 });
      await expect(downloaded(remote, URL_OF_PLAN)).rejects.toMatchObject({ name: 'TransientError' });
    });

    test('is counted if no length is announced', async () => {
      const { remote } = await place((response) => {
        response.writeHead(200, { etag: '"e1"' }).write(Buffer.alloc(1_000), () => response.end('x'));
      });
      expect(await downloaded(remote, URL_OF_PLAN, 'e1', 1_001)).toHaveLength(1_001);
      expect(await refusal(downloaded(remote, URL_OF_PLAN, 'e1', 1_000))).toContain('must not be larger than');
    });

    test.each([
      ['over the limit', 'e1', /^The file must not be larger than 1 MB, but it has 1,000 MB/],
      ['that has changed since', 'e0', /has changed since it was named/],
    ])('is not read to its end %s', async (_, version, sentence) => {
      const closed = Promise.withResolvers<void>();
      const { remote } = await place((response) => {
        response.writeHead(200, head(1_000_000_000)).write('the beginning of a gigabyte');
        response.once('close', closed.resolve);
      });
      expect(await refusal(downloaded(remote, URL_OF_PLAN, version))).toMatch(sentence);
      await closed.promise;
    });

    test('that cannot be written fails with the error of the file', async () => {
      const { remote } = await place((response) => response.writeHead(200, head(6)).end(PIXELS));
      await expect(remote.download(URL_OF_PLAN, '/not/there/image', BYTES_MAX)).rejects.toMatchObject({ code: 'ENOENT' });
    });
  });

  test('each scheme has its own source, and an unknown one is refused', async () => {
    const asked: string[] = [];
    const way = (name: string): ImageDownloads => ({
      download: async (...given) => void asked.push([name, ...given].join(' ')),
    });
    const row = (scheme: string, { download }: ImageDownloads): Source => ({
      scheme,
      variables: () => ({}),
      open: () => ({ accepted: scheme, resolve: () => Promise.reject(new Error('Nothing is named here.')), download }),
    });
    const remote = openSources({ upload, https: row('https', way('web')), s3: row('s3', way('bucket')) }, {}).downloads;
    await remote.download('s3://plans/plan.jpg', 'path', 5, 'e1');
    await remote.download('https://example.org/plan.jpg', 'path', 5);
    expect(asked).toEqual(['bucket s3://plans/plan.jpg path 5 e1', 'web https://example.org/plan.jpg path 5 ']);
    for (const url of ['file:///plan.jpg', 'constructor://plan.jpg', 'plan.jpg', 's3:plans/plan.jpg'])
      expect(await refusal(remote.download(url, 'path', 5))).toBe(
        `The pipeline downloads images from https:// or s3:// addresses, not ${url}. Upload the image instead.`,
      );
  });
});
