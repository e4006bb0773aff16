// Links to single objects of a bucket, signed by this deployment's own role: S3 itself checks them.
import { checkedKey } from '../contract/keys.ts';
import type { Links } from '../ports.ts';
import { type S3Options, s3Client } from './s3/s3-client.ts';
import { answerOf } from './s3/s3-errors.ts';

/** A link lives as long as asked for, or as the credentials of the role that signed it, whichever ends first. */
export function s3Links(options: Pick<S3Options, 'bucket' | 'endpoint'>): Links {
  // As the SDK does it by itself, a link would carry the checksum of an empty body, and S3 would refuse every file.
  const s3 = s3Client(options, { requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED' });
  const objectAt = (key: string) => ({ Bucket: options.bucket, Key: checkedKey(key) });

  return {
    /**
     * Binds exactly `bytesMax` bytes. The length is signed but not among the headers: each client sends it by itself, and one that
     * is told to send it would cut a longer file instead of being refused.
     */
    async forPut(key, { bytesMax, expiresInS }) {
      const object = { ...objectAt(key), ContentLength: bytesMax };
      const [{ client, PutObjectCommand }, { getSignedUrl }] = [await s3(), await presigner()];
      const url = await answerOf(getSignedUrl(client, new PutObjectCommand(object), { expiresIn: expiresInS }));
      return { url, headers: {} };
    },

    async forGet(key, { expiresInS }) {
      const object = objectAt(key);
      const [{ client, GetObjectCommand }, { getSignedUrl }] = [await s3(), await presigner()];
      return await answerOf(getSignedUrl(client, new GetObjectCommand(object), { expiresIn: expiresInS }));
    },
  };
}

const presigner = () => import('@aws-sdk/s3-request-presigner');
