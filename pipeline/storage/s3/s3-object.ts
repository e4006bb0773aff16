// Reads S3's answers: the head of an object, and its bytes as they arrive. Knows nothing of keys and buckets.
import { rm, writeFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { GetObjectCommandOutput, HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import { TransientError, UserError } from '../../contract/errors.ts';
import type { BlobHead } from '../../ports.ts';
import { BROKEN_OFF } from './s3-errors.ts';

/** `bytes` is the announced length. It and `version` are `null` if an S3-compatible store does not send them. */
export interface Body {
  stream: Readable;
  bytes: number | null;
  version: string | null;
}

/** Reads an answer to HEAD. */
export function headOf({ ContentLength: bytes, ETag }: HeadObjectCommandOutput): BlobHead {
  const version = versionOf(ETag);
  if (bytes === undefined || version === null) throw new Error('The answer to HEAD has no length or no ETag.');
  return { bytes, version };
}

/** Whether a GET would be refused until a copy is restored: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html */
export function isInArchive({ StorageClass, ArchiveStatus, Restore }: HeadObjectCommandOutput): boolean {
  const isArchived = StorageClass === 'GLACIER' || StorageClass === 'DEEP_ARCHIVE' || ArchiveStatus !== undefined;
  return isArchived && !Restore?.includes('ongoing-request="false"');
}

/** Reads an answer to GET. The caller must read the stream to its end or destroy it. */
export function bodyOf({ Body: stream, ContentLength: bytes, ETag }: GetObjectCommandOutput): Body {
  if (!stream || !('destroy' in stream)) throw new Error('The body is not a stream of Node.');
  return { stream, bytes: bytes ?? null, version: versionOf(ETag) };
}

/** Throws a TransientError if the connection breaks off. */
export async function wholeBody({ stream }: Body): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of chunksOf(stream)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Saves the body as a new file. Throws as `wholeBody`, and a UserError for more than `bytesMax` bytes. A failure leaves no file. */
export async function saveBody(body: Body, path: string, bytesMax: number): Promise<void> {
  try {
    await writeFile(path, atMost(bytesMax, body), { flag: 'wx' });
  } catch (error) {
    body.stream.destroy();
    await rm(path, { force: true });
    throw error;
  }
}

/** Checks the announced length before a byte is read. Some stores announce none, so bytes are counted too. */
async function* atMost(bytesMax: number, { stream, bytes }: Body): AsyncGenerator<Buffer> {
  if (bytes !== null && bytes > bytesMax) throw tooLarge(bytesMax, megabytes(bytes));
  let counted = 0;
  for await (const chunk of chunksOf(stream)) {
    counted += chunk.length;
    if (counted > bytesMax) throw tooLarge(bytesMax, 'more');
    yield chunk;
  }
}

/** A failure to read is the connection's; a failure to write, for example a full disk, is ours. */
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
  return new UserError(
    `The file must not be larger than ${megabytes(bytesMax)}, but it has ${got}. Send a smaller or more compressed one.`,
  );
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toLocaleString('en', { maximumFractionDigits: 1 })} MB`;
}
