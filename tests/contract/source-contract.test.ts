// Every image source keeps the contract of sources. Behavior that only one of them has is tested in a file of its own.
import { createHash } from 'node:crypto';
import { realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, vi } from 'vitest';
import { file } from '../../pipeline/sources/file-source.ts';
import { https } from '../../pipeline/sources/https-source.ts';
import type { SourceName } from '../../pipeline/sources/index.ts';
import { s3 } from '../../pipeline/sources/s3-source.ts';
import { upload } from '../../pipeline/sources/upload-source.ts';
import { fsBlobs } from '../../pipeline/storage/folder-blobs.ts';
import { fakeCredentials } from '../support/aws-credentials.ts';
import { temporaryFolder } from '../support/folder.ts';
import { PUBLIC_IPV4, smallInternet } from '../support/small-internet.ts';
import { type SourceUnderTest, sourceContract } from '../support/source-contract.ts';
import { storeDoor } from '../support/store-door.ts';

beforeEach(fakeCredentials);
afterEach(() => vi.unstubAllEnvs());

const emptyBlobs = async () => fsBlobs(await temporaryFolder());

/** One row for each source: without it, this does not compile. */
const SOURCES_UNDER_TEST = {
  upload: {
    kind: 'blob',
    knowsVersions: true,
    async make(bytes) {
      const blobs = await emptyBlobs();
      const replace = (other: Uint8Array) => blobs.put('uploads/plan.jpg-0123', other);
      await replace(bytes);
      return {
        source: upload.open({}),
        blobs,
        image: 'plan.jpg-0123',
        missing: 'plan.jpg-9999',
        forbidden: ['../executions/e1/findings.json', 'PLAN.JPG-0123', 'x'.repeat(2_000)],
        replace,
      };
    },
  },
  file: {
    kind: 'file',
    knowsVersions: true,
    async make(bytes) {
      const folder = await realpath(await temporaryFolder());
      const uri = (name: string) => pathToFileURL(join(folder, name)).href;
      const replace = (other: Uint8Array) => writeFile(join(folder, 'plan.jpg'), other);
      await replace(bytes);
      return {
        source: file.open({ ALLOWED_FOLDERS: [folder] }),
        blobs: await emptyBlobs(),
        image: uri('plan.jpg'),
        missing: uri('none.jpg'),
        forbidden: ['file:///etc/passwd', uri('../plan.jpg'), `file:///${'x'.repeat(2_000)}`],
        replace,
      };
    },
  },
  s3: {
    kind: 'url',
    knowsVersions: true,
    async make(bytes) {
      let stored = bytes;
      const { endpoint } = await storeDoor(({ url }, response) => {
        const etag = `"${createHash('md5').update(stored).digest('hex')}"`;
        if (url?.startsWith('/plans/plan.jpg')) {
          response.writeHead(200, { etag, 'content-length': stored.length }).end(stored);
        } else response.writeHead(404).end();
        return true;
      });
      return {
        source: s3.open({ BUCKET: 'deployment', ALLOWED_BUCKETS: ['plans'], endpoint }),
        blobs: await emptyBlobs(),
        image: 's3://plans/plan.jpg',
        missing: 's3://plans/none.jpg',
        forbidden: ['s3://private/plan.jpg', 's3://plans/../plan.jpg', `s3://plans/${'x'.repeat(2_000)}`],
        async replace(other) {
          stored = other;
        },
      };
    },
  },
  https: {
    kind: 'url',
    knowsVersions: false,
    async make(bytes) {
      let served = bytes;
      const { internet } = await smallInternet({ 'images.example': [PUBLIC_IPV4] }, ({ url }, response) => {
        if (url === '/plan.jpg') response.end(served);
        else response.writeHead(404).end();
      });
      return {
        source: https.open({ ALLOWED_IMAGE_HOSTS: ['images.example'], internet }),
        blobs: await emptyBlobs(),
        image: 'https://images.example/plan.jpg',
        missing: 'https://images.example/none.jpg',
        forbidden: ['https://private.example/plan.jpg', `https://${'x'.repeat(2_000)}/plan.jpg`],
        async replace(other) {
          served = other;
        },
      };
    },
  },
} satisfies Record<SourceName, SourceUnderTest>;

for (const [name, source] of Object.entries(SOURCES_UNDER_TEST)) sourceContract(`${name}:`, source);
