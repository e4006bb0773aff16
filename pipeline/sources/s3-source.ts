// Images in S3 buckets, named with s3://bucket/key: the deployment's own bucket, and further ones that it allows. Knows nothing of how
// S3 is reached.
import { z } from 'zod';
import { changedImage, UserError } from '../contract/errors.ts';
import { checkedKey } from '../contract/key-checks.ts';
import { keys, ownerOf } from '../contract/keys.ts';
import { list } from '../contract/variables.ts';
import type { S3Connection } from '../storage/s3/s3-client.ts';
import { answerOrRefuse } from '../storage/s3/s3-errors.ts';
import { foreignHead } from '../storage/s3/s3-head.ts';
import { bodyOf, headOf, isInArchive, saveBody } from '../storage/s3/s3-object.ts';
import { s3ByRegion } from '../storage/s3/s3-regions.ts';
import { type NamedImage, nameList, notAccepted, notReadable, type ResolveContext, type Source, shown } from './source.ts';
import { resolveUpload } from './upload-source.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
export const BucketName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'expected bucket names such as plans-of-today, separated by commas');

export interface S3Settings extends S3Connection {
  /** The deployment's own bucket. */
  BUCKET: string;
  /** Other buckets. Checked again before a download: the request was stored since it was checked. */
  ALLOWED_BUCKETS: readonly string[];
}

const UPLOADS = keys.upload('');

export const s3 = {
  scheme: 's3',
  variables: () => ({
    ALLOWED_BUCKETS: list(',')
      .pipe(z.array(BucketName))
      .default([])
      .meta({ description: 'Other buckets whose images may be named with `s3://`, separated by commas.' }),
  }),
  open({ BUCKET, ALLOWED_BUCKETS, ...connection }: S3Settings) {
    const inItsRegion = s3ByRegion(connection);
    const buckets = ['this deployment’s bucket', ...(ALLOWED_BUCKETS.length > 0 ? [nameList(ALLOWED_BUCKETS, 'buckets')] : [])];
    return {
      accepted: `an s3:// address in ${buckets.join(' or ')}`,

      /** Never queries a bucket that is not allowed, so that no caller learns whether an object exists there. */
      async resolve(image, { blobs, accepted }) {
        const address = parseAddress(image);
        if (address?.bucket === BUCKET) return await resolveOwn(address, { blobs, accepted });
        if (!address || !ALLOWED_BUCKETS.includes(address.bucket)) throw notAccepted(image, accepted);
        const url = urlOf(address);
        const object = { Bucket: address.bucket, Key: address.key };
        const obstacles = obstaclesOf(url);
        const asked = inItsRegion(address.bucket, (s3) => foreignHead(s3, object, obstacles.charged));
        const head = await answerOrRefuse(asked, notReadable(url, accepted), obstacles);
        if (isInArchive(head)) throw new UserError(obstacles.archived);
        return { source: { kind: 'url', url }, uri: url, version: headOf(head).version };
      },

      /** Limits silence and bytes, but not time: S3 sends as fast as it is read. */
      async download(url, path, bytesMax, version) {
        const address = parseAddress(url);
        if (!address || !ALLOWED_BUCKETS.includes(address.bucket)) {
          throw new UserError(`${shown(url)} is not an s3:// address in an allowed bucket. Upload the image instead.`);
        }
        const object = { Bucket: address.bucket, Key: address.key };
        const asked = inItsRegion(address.bucket, ({ client, GetObjectCommand }) => client.send(new GetObjectCommand(object)));
        const missing = `The image ${shown(url)} does not exist or may not be read. Check the address, or upload the image.`;
        const body = bodyOf(await answerOrRefuse(asked, missing, obstaclesOf(url)));
        if (version !== undefined && version !== body.version) {
          body.stream.destroy();
          throw changedImage(url);
        }
        await saveBody(body, path, bytesMax);
      },
    };
  },
} satisfies Source;

interface Address {
  bucket: string;
  key: string;
}

/**
 * Reads an address as AWS's command line does: the key is all that follows the bucket, and nothing in it is decoded. `null` for
 * another form, and for a key that `checkedKey` refuses: with `..` in it, some stores would read another bucket.
 */
function parseAddress(address: string): Address | null {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/isu.exec(address) ?? [];
  if (bucket === undefined || key === undefined) return null;
  try {
    return { bucket, key: checkedKey(key) };
  } catch {
    return null;
  }
}

function urlOf({ bucket, key }: Address): string {
  return `s3://${bucket}/${key}`;
}

/** What may keep an image of an allowed bucket from being read, and what to do about it. */
function obstaclesOf(url: string) {
  const image = shown(url);
  return {
    archived: `The image ${image} is archived. Restore a copy of it in S3 first, or upload the image.`,
    charged: `The bucket of ${image} charges its readers (Requester Pays), which this server does not accept. Copy the image to another bucket, or upload it.`,
    noKey: `The image ${image} is encrypted with a KMS key that this server may not use. Add the key to AllowedBucketKeys of the deployment, or upload the image.`,
  };
}

/** An object that belongs to an execution is not an image: it counts as missing. */
async function resolveOwn(address: Address, { blobs, accepted }: ResolveContext): Promise<NamedImage> {
  const { key } = address;
  if (key.startsWith(UPLOADS)) return await resolveUpload(key.slice(UPLOADS.length), blobs);
  const uri = urlOf(address);
  const head = ownerOf(key) === null ? await blobs.head(key) : null;
  if (!head) throw new UserError(notReadable(uri, accepted));
  return { source: { kind: 'blob', key }, uri, version: head.version };
}
