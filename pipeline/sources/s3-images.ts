// Finds a named image on AWS: an upload, an object of the deployment's bucket or of another that it allows, or an address on a host
// that it allows. Asks for no more than the heads of objects.

import { UserError } from '../contract/errors.ts';
import { keys, ownerOf } from '../contract/keys.ts';
import type { AnalysisRequest } from '../contract/schemas.ts';
import type { Blobs, Images } from '../ports.ts';
import { elsewhere, type S3Connection, s3Client } from '../storage/s3/s3-client.ts';
import { answerOrSay } from '../storage/s3/s3-errors.ts';
import { headOf } from '../storage/s3/s3-object.ts';
import { someOf } from './name-list.ts';
import { orOnHosts, uploaded, uploadedOrOnHost } from './named-images.ts';
import { type S3Address, s3AddressOf } from './s3-address.ts';

const UPLOADS = keys.upload('');

export interface S3ImagesOptions extends S3Connection {
  /** The deployment's own. */
  bucket: string;
  /** What the caller may see of it. */
  blobs: Blobs;
  /** Names of other buckets. */
  allowedBuckets: readonly string[];
  /** As in sources/image-hosts.ts. */
  allowedHosts: readonly string[];
}

/** What lies in a bucket that is not allowed is not looked at, so nobody learns whether it is there. */
export function s3Images({ bucket, blobs, allowedBuckets, allowedHosts, ...connection }: S3ImagesOptions): Images {
  const s3 = s3Client(connection, elsewhere);
  const buckets = ['this deployment’s bucket', ...(allowedBuckets.length > 0 ? [someOf(allowedBuckets, 'buckets')] : [])];
  const accepted = `an upload_id or an s3:// address in ${buckets.join(' or ')}${orOnHosts(allowedHosts)}`;

  async function ofThisDeployment(key: string, image: string): Promise<AnalysisRequest['image']> {
    if (key.startsWith(UPLOADS)) return await uploaded(key.slice(UPLOADS.length), blobs);
    const head = ownerOf(key) === null ? await blobs.head(key) : null; // what has an owner belongs to an execution
    if (!head) throw new UserError(notThere(image, accepted));
    return { source: { kind: 'blob', key }, uri: image, version: head.version };
  }

  async function ofAnother(address: S3Address, image: string): Promise<AnalysisRequest['image']> {
    const { client, HeadObjectCommand } = await s3();
    const asked = client.send(new HeadObjectCommand({ Bucket: address.bucket, Key: address.key }));
    const { version } = headOf(await answerOrSay(asked, notThere(image, accepted)));
    return { source: { kind: 'url', url: image }, uri: image, version };
  }

  return {
    async resolve(image) {
      const address = s3AddressOf(image);
      const named = address && `s3://${address.bucket}/${address.key}`;
      if (named && address.bucket === bucket) return await ofThisDeployment(address.key, named);
      if (named && allowedBuckets.includes(address.bucket)) return await ofAnother(address, named);
      return await uploadedOrOnHost(image, { blobs, allowedHosts, accepted });
    },
  };
}

/** Said of what is missing as of what may not be read: which of them it is, is not for anyone to probe. */
function notThere(image: string, accepted: string): string {
  return `Expected ${accepted}, got ${image.slice(0, 200)}, which is not there or may not be read. Check it, or upload the image.`;
}
