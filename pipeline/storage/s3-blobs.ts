// Blobs in a bucket. Knows S3's requests and their limits; knows nothing of what is in the objects.
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { factsOf } from '../contract/aws-errors.ts';
import { checkedFolder, checkedKey, checkRange } from '../contract/key-checks.ts';
import { contentTypeOf } from '../findings/content-type.ts';
import type { Blobs } from '../ports.ts';
import { type S3Options, s3Client } from './s3/s3-client.ts';
import { answerOf, answerOrNull, answerOrTaken } from './s3/s3-errors.ts';
import { ownHead } from './s3/s3-head.ts';
import { type Body, bodyOf, headOf, saveBody, wholeBody } from './s3/s3-object.ts';

const PART_BYTES = 8_388_608; // 8 MiB x the 10,000 parts that S3 takes = 84 GB, 8 times the temporary disk of a Lambda function
const PARTS_AT_ONCE = 4; // 4 x 8 MiB = 34 MB of memory
const CONFLICT_ATTEMPTS_MAX = 4;
const CONFLICT_PAUSE_MS = 50; // 50 + 100 + 150: a small write takes less
const READ_BYTES = 1_048_576; // 8 reads a part instead of 128

export interface S3BlobsOptions extends S3Options {
  /** Folder for the copies of `materialize`. */
  scratchFolder: string;
  /** The largest object that `materialize` copies. */
  materializeBytesMax: number;
}

/**
 * Objects of one bucket. Throws a RangeError for an invalid key or range, a UserError if the bucket may not be used, and a
 * TransientError for a temporary failure, after the SDK's own attempts.
 */
export function s3Blobs(options: S3BlobsOptions): Blobs {
  const { bucket, scratchFolder, materializeBytesMax } = options;
  const s3 = s3Client(options);
  const objectAt = (key: string) => ({ Bucket: bucket, Key: checkedKey(key) });

  async function opened(key: string, range: { Range?: string } = {}): Promise<Body | null> {
    const { client, GetObjectCommand } = await s3();
    const found = await answerOrNull(client.send(new GetObjectCommand({ ...objectAt(key), ...range })));
    return found && bodyOf(found);
  }

  return {
    async head(key) {
      const found = await answerOrNull(ownHead(await s3(), objectAt(key)));
      return found && headOf(found);
    },

    async get(key) {
      const found = await opened(key);
      return found && (await wholeBody(found));
    },

    async getRange(key, start, length) {
      checkRange(start, length);
      const found = await opened(key, { Range: `bytes=${start}-${start + length - 1}` });
      if (!found) throw noObject(key);
      if (found.bytes !== length) {
        found.stream.destroy(); // S3 cuts a range at the object's end
        throw new RangeError(`Expected ${length} bytes at ${start} of ${key}, got ${found.bytes}.`);
      }
      return await wholeBody(found);
    },

    async put(key, bytes) {
      const { client, PutObjectCommand } = await s3();
      const object = { ...objectAt(key), Body: bytes, ContentType: contentTypeOf(key) };
      await answerOf(client.send(new PutObjectCommand(object)));
    },

    async putNew(key, bytes) {
      const { client, PutObjectCommand } = await s3();
      const object = { ...objectAt(key), Body: bytes, ContentType: contentTypeOf(key), IfNoneMatch: '*' };
      const write = () => client.send(new PutObjectCommand(object));
      return (await answerOrTaken(repeatedOnConflict(write))) !== null;
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
      // A page may hold fewer keys than requested if folders lie between them.
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
      const { version } = found;
      if (version === null) throw new Error('The answer to GET has no ETag.');
      await saveBody(found, path, materializeBytesMax);
      return { path, version, release: () => rm(path, { force: true }) };
    },
  };
}

/** Two writers of one key at once: S3 refuses one of them with 409, and asks to try again. By then the key is taken. */
async function repeatedOnConflict<T>(write: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await write();
    } catch (error) {
      if (attempt === CONFLICT_ATTEMPTS_MAX || factsOf(error).status !== 409) throw error;
      await sleep(CONFLICT_PAUSE_MS * attempt);
    }
  }
}

function noObject(key: string): Error {
  return new Error(`Expected an object at ${key}, got none.`);
}
