// Links to single objects of a bucket, signed by this deployment's role; S3 checks them.
import { checkedKey } from '../contract/key-checks.ts';
import type { Links } from '../ports.ts';
import { type S3Options, s3Client } from './s3/s3-client.ts';
import { answerOf } from './s3/s3-errors.ts';

/** A link is valid for the requested time, or until the credentials that signed it expire. */
export function s3Links(options: Pick<S3Options, 'bucket' | 'endpoint'>): Links {
  // By default, the SDK would sign the checksum of an empty body, and S3 would refuse every file.
  const s3 = s3Client(options, { requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED' });
  const objectAt = (key: string) => ({ Bucket: options.bucket, Key: checkedKey(key) });

  return {
    /**
     * Binds exactly `bytesMax` bytes. The length is signed but not among the returned headers: clients send it on their own, and
     * one that sets it explicitly would truncate a longer file instead of being refused. S3 takes no second object under the key (412).
     */
    async forPut(key, { bytesMax, expiresInS }) {
      const object = { ...objectAt(key), ContentLength: bytesMax, IfNoneMatch: '*' };
      const [{ client, PutObjectCommand }, { getSignedUrl }] = [await s3(), await presigner()];
      const url = await answerOf(getSignedUrl(client, new PutObjectCommand(object), { expiresIn: expiresInS }));
      return { url, headers: { 'If-None-Match': '*' } };
    },

    async forGet(key, { expiresInS }) {
      const object = objectAt(key);
      const [{ client, GetObjectCommand }, { getSignedUrl }] = [await s3(), await presigner()];
      return await answerOf(getSignedUrl(client, new GetObjectCommand(object), { expiresIn: expiresInS }));
    },
  };
}

const presigner = () => import('@aws-sdk/s3-request-presigner');
