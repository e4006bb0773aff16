// An object as S3 answers with it: its head, and its bytes as they come. Knows nothing of keys and buckets.
import { rm, writeFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { GetObjectCommandOutput, HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import { TransientError, UserError } from '../../contract/errors.ts';
import type { BlobHead } from '../../ports.ts';
import { BROKEN_OFF } from './s3-errors.ts';

/** `bytes` are those announced; null, as the version is, when a store that speaks S3 says nothing of them. */
export interface Body {
  stream: Readable;
  bytes: number | null;
  version: string | null;
}

/** Of an answer to HEAD. */
export function headOf({ ContentLength: bytes, ETag }: HeadObjectCommandOutput): BlobHead {
  const version = versionOf(ETag);
  if (bytes === undefined || version === null) throw new Error('Expected the length and the ETag of an object.');
  return { bytes, version };
}

/** Of an answer to GET. Whoever asks for it reads the stream to its end, or destroys it. */
export function bodyOf({ Body: stream, ContentLength: bytes, ETag }: GetObjectCommandOutput): Body {
  if (!stream || !('destroy' in stream)) throw new Error('Expected a body as a stream of Node.');
  return { stream, bytes: bytes ?? null, version: versionOf(ETag) };
}

/** Throws a TransientError when the connection breaks off. */
export async function wholeBody({ stream }: Body): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of chunksOf(stream)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Into a new file at `path`. Throws as `wholeBody`, and a UserError for more than `bytesMax` bytes; a failure leaves no file. */
export async function saveBody(body: Body, path: string, bytesMax: number): Promise<void> {
  try {
    await writeFile(path, atMost(bytesMax, body), { flag: 'wx' });
  } catch (error) {
    body.stream.destroy();
    await rm(path, { force: true });
    throw error;
  }
}

/** The announced length is looked at before a byte is read; some stores announce none, so that bytes are counted, too. */
async function* atMost(bytesMax: number, { stream, bytes }: Body): AsyncGenerator<Buffer> {
  if (bytes !== null && bytes > bytesMax) throw tooLarge(bytesMax, megabytes(bytes));
  let counted = 0;
  for await (const chunk of chunksOf(stream)) {
    counted += chunk.length;
    if (counted > bytesMax) throw tooLarge(bytesMax, 'more');
    yield chunk;
  }
}

/** What breaks here is the connection, or the bytes on it; what breaks elsewhere is ours, for example a full disk. */
async function* chunksOf(stream: Readable): AsyncGenerator<Buffer> {
  try {
    yield* stream;
  } catch (cause) {
    throw new TransientError(BROKEN_OFF, { cause });
  }
}

function versionOf(ETag: string | undefined): string | null {
  return ETag?.replaceAll('"', '') ?? null;
}

function tooLarge(bytesMax: number, got: string): UserError {
  return new UserError(`Expected a file of at most ${megabytes(bytesMax)}, got ${got}. Send a smaller or more compressed one.`);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toLocaleString('en', { maximumFractionDigits: 1 })} MB`;
}
