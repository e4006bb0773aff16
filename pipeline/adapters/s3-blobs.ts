// Blobs in a bucket. Knows S3's requests and their limits; knows nothing of what is in the objects.
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { TransientError, UserError } from '../core/errors.ts';
import { checkedFolder, checkedKey, checkRange, contentTypeOf } from '../core/keys.ts';
import type { Blobs } from '../ports.ts';
import { type S3Options, s3Client } from './s3/client.ts';
import { answerOf, answerOrNull, answerOrTaken, BROKEN_OFF } from './s3/errors.ts';

const PART_BYTES = 8_388_608; // 8 MiB x the 10,000 parts that S3 takes = 84 GB, 8 times the temporary disk of a Lambda function
const PARTS_AT_ONCE = 4; // 4 x 8 MiB = 34 MB of memory
const READ_BYTES = 1_048_576; // 8 reads a part in place of 128

export interface S3BlobsOptions extends S3Options {
  /** Where `materialize` puts its copies. */
  scratchFolder: string;
  /** The largest object that `materialize` copies. */
  materializeBytesMax: number;
}

/**
 * Objects of one bucket. Throws a RangeError for a key or range that cannot be, a UserError when the bucket may not be used, a
 * TransientError for what may pass, after the SDK's own attempts.
 */
export function s3Blobs(options: S3BlobsOptions): Blobs {
  const { bucket, scratchFolder, materializeBytesMax } = options;
  const s3 = s3Client(options);
  const objectAt = (key: string) => ({ Bucket: bucket, Key: checkedKey(key) });

  async function opened(key: string, range: { Range?: string } = {}): Promise<{ body: Readable; bytes: number | null } | null> {
    const { client, GetObjectCommand } = await s3();
    const found = await answerOrNull(client.send(new GetObjectCommand({ ...objectAt(key), ...range })));
    if (!found) return null;
    if (!(found.Body instanceof Readable)) throw new Error('Expected a body as a stream of Node.');
    return { body: found.Body, bytes: found.ContentLength ?? null };
  }

  return {
    async head(key) {
      const { client, HeadObjectCommand } = await s3();
      const found = await answerOrNull(client.send(new HeadObjectCommand(objectAt(key))));
      if (!found) return null;
      const { ContentLength: bytes, ETag } = found;
      if (bytes === undefined || ETag === undefined) throw new Error('Expected the length and the ETag of an object.');
      return { bytes, version: ETag.replaceAll('"', '') };
    },

    async get(key) {
      const found = await opened(key);
      return found && (await whole(found.body));
    },

    async getRange(key, start, length) {
      checkRange(start, length);
      const found = await opened(key, { Range: `bytes=${start}-${start + length - 1}` });
      if (!found) throw noObject(key);
      if (found.bytes !== length) {
        found.body.destroy(); // S3 cuts a range at the object's end
        throw new RangeError(`Expected ${length} bytes at ${start} of ${key}, got ${found.bytes}.`);
      }
      return await whole(found.body);
    },

    async put(key, bytes) {
      const { client, PutObjectCommand } = await s3();
      const object = { ...objectAt(key), Body: bytes, ContentType: contentTypeOf(key) };
      await answerOf(client.send(new PutObjectCommand(object)));
    },

    async putNew(key, bytes) {
      const { client, PutObjectCommand } = await s3();
      const object = { ...objectAt(key), Body: bytes, ContentType: contentTypeOf(key), IfNoneMatch: '*' };
      return (await answerOrTaken(client.send(new PutObjectCommand(object)))) !== null;
    },

    async putFile(key, path) {
      const params = { ...objectAt(key), ContentType: contentTypeOf(key) };
      const [{ client }, { Upload }] = [await s3(), await import('@aws-sdk/lib-storage')];
      const upload = { client, partSize: PART_BYTES, queueSize: PARTS_AT_ONCE, leavePartsOnError: false };
      const Body = createReadStream(path, { highWaterMark: READ_BYTES }); // closed by the upload, however it ends
      await answerOf(new Upload({ ...upload, params: { ...params, Body } }).done());
    },

    async list(folder, { after, limit }) {
      const Prefix = checkedFolder(folder, { limit });
      const { client, ListObjectsV2Command } = await s3();
      const page = { Bucket: bucket, Prefix, Delimiter: '/', MaxKeys: limit, ...(after !== undefined && { StartAfter: after }) };
      const keys: string[] = [];
      // A page may hold fewer keys than there are, where folders lie between them.
      for (let token: string | undefined; ; ) {
        const found = await answerOf(client.send(new ListObjectsV2Command({ ...page, ContinuationToken: token })));
        keys.push(...(found.Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [Key])));
        token = found.NextContinuationToken;
        if (token === undefined || keys.length >= limit) return keys.slice(0, limit);
      }
    },

    async materialize(key) {
      const found = await opened(key);
      if (!found) throw noObject(key);
      const path = join(scratchFolder, randomUUID());
      const release = () => rm(path, { force: true });
      try {
        await writeFile(path, atMost(materializeBytesMax, found), { flag: 'wx' });
      } catch (error) {
        found.body.destroy();
        await release();
        throw error;
      }
      return { path, release };
    },
  };
}

/** The announced length is looked at before a byte is read; some stores announce none, so that bytes are counted, too. */
async function* atMost(bytesMax: number, { body, bytes }: { body: Readable; bytes: number | null }): AsyncGenerator<Buffer> {
  if (bytes !== null && bytes > bytesMax) throw tooLarge(bytesMax, megabytes(bytes));
  let counted = 0;
  for await (const chunk of chunksOf(body)) {
    counted += chunk.length;
    if (counted > bytesMax) throw tooLarge(bytesMax, 'more');
    yield chunk;
  }
}

async function whole(body: Readable): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of chunksOf(body)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** What breaks here is the connection, or the bytes on it; what breaks elsewhere is ours, for example a full disk. */
async function* chunksOf(body: Readable): AsyncGenerator<Buffer> {
  try {
    yield* body;
  } catch (cause) {
    throw new TransientError(BROKEN_OFF, { cause });
  }
}

function noObject(key: string): Error {
  return new Error(`Expected an object at ${key}, got none.`);
}

function tooLarge(bytesMax: number, got: string): UserError {
  return new UserError(`Expected a file of at most ${megabytes(bytesMax)}, got ${got}. Send a smaller or more compressed one.`);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toLocaleString('en', { maximumFractionDigits: 1 })} MB`;
}
