// A real S3-compatible server: the one at S3_TEST_ENDPOINT, or moto_server on a free port if it is installed.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { fakeCredentials } from './aws-credentials.ts';

// biome-ignore-start lint/style/noProcessEnv: the address of the test server is not a setting of tilesight.
const GIVEN = process.env.S3_TEST_ENDPOINT;
const ON_PATH = (process.env.PATH ?? '').split(delimiter).some((folder) => isProgram(join(folder, 'moto_server')));
// biome-ignore-end lint/style/noProcessEnv: until here

/** `null` if there is a server to test against. */
export const NO_S3_SERVER = GIVEN || ON_PATH ? null : 'skipped: moto_server is not installed, and S3_TEST_ENDPOINT is not set';

export interface S3Server {
  endpoint(): string;
  client(): S3Client;
  /** An empty bucket, removed when the test ends. */
  bucket(): Promise<string>;
}

/** The server runs from the first test of this file to the last. Credentials are moto's, unless S3_TEST_ENDPOINT is set. */
export function s3Server(): S3Server {
  let child: ChildProcess | undefined;
  let endpoint = GIVEN ?? '';
  let client: S3Client | undefined;
  const connected = () => {
    client ??= new S3Client({ endpoint, forcePathStyle: true });
    return client;
  };

  beforeAll(async () => {
    if (GIVEN) return;
    fakeCredentials();
    child = spawn('moto_server', ['-H', '127.0.0.1', '-p', '0'], { stdio: ['ignore', 'ignore', 'pipe'] });
    process.once('exit', () => child?.kill());
    endpoint = await endpointSaidBy(child);
  });

  afterAll(async () => {
    client?.destroy();
    if (!child || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill();
    await ended;
  });

  return {
    endpoint: () => endpoint,
    client: connected,
    async bucket() {
      const Bucket = `tilesight-test-${crypto.randomUUID()}`;
      await connected().send(new CreateBucketCommand({ Bucket }));
      onTestFinished(() => removeBucket(connected(), Bucket));
      return Bucket;
    },
  };
}

async function endpointSaidBy(child: ChildProcess): Promise<string> {
  const said: string[] = [];
  if (!child.stderr) throw new Error('Expected a pipe.');
  for await (const line of createInterface(child.stderr)) {
    said.push(line);
    const [endpoint] = /http:\/\/127\.0\.0\.1:\d+/.exec(line) ?? [];
    if (!endpoint) continue;
    child.stderr.resume(); // one line per request follows
    return endpoint;
  }
  throw new Error(`moto_server did not print its address: ${said.join('\n')}`);
}

/** Empties the bucket again if an invocation that the test abandoned has written meanwhile. */
async function removeBucket(client: S3Client, Bucket: string, attempts = 20): Promise<void> {
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket })); // a test makes fewer than its 1,000
  for (const { Key } of Contents) await client.send(new DeleteObjectCommand({ Bucket, Key }));
  try {
    await client.send(new DeleteBucketCommand({ Bucket }));
  } catch (error) {
    const wasWritten = error instanceof Error && error.name === 'BucketNotEmpty';
    if (!wasWritten || attempts === 1) throw error;
    await sleep(100);
    await removeBucket(client, Bucket, attempts - 1);
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
