// Images at s3:// addresses in buckets that the deployment allows, copied as the version that was named. Knows nothing of what is in
// an image.
import { UserError } from '../contract/errors.ts';
import type { RemoteImages } from '../ports.ts';
import { elsewhere, type S3Connection, s3Client } from '../storage/s3/s3-client.ts';
import { answerOrSay } from '../storage/s3/s3-errors.ts';
import { bodyOf, saveBody } from '../storage/s3/s3-object.ts';
import { type S3Address, s3AddressOf } from './s3-address.ts';

export interface S3RemoteImagesOptions extends S3Connection {
  /** Names of buckets. Looked at again here: a request has come a long way since it was checked. */
  allowedBuckets: readonly string[];
}

/** Time has no limit but that of silence: S3 sends as fast as it is read. */
export function s3RemoteImages({ allowedBuckets, ...connection }: S3RemoteImagesOptions): RemoteImages {
  const s3 = s3Client(connection, elsewhere);
  return {
    async download(url, path, bytesMax, version) {
      const { bucket, key } = checked(url, allowedBuckets);
      const { client, GetObjectCommand } = await s3();
      const asked = client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      const body = bodyOf(await answerOrSay(asked, notThere(url)));
      if (version !== undefined && version !== body.version) {
        body.stream.destroy();
        throw new UserError(`Expected ${shown(url)} as it was when it was named, got one that has changed since. Name it again.`);
      }
      await saveBody(body, path, bytesMax);
    },
  };
}

function checked(url: string, allowedBuckets: readonly string[]): S3Address {
  const address = s3AddressOf(url);
  if (address && allowedBuckets.includes(address.bucket)) return address;
  throw new UserError(`Expected an s3:// address in an allowed bucket, got ${shown(url)}. Upload the image instead.`);
}

function notThere(url: string): string {
  return `Expected an image at ${shown(url)}, got none that may be read. Check the address, or upload the image.`;
}

/** For a sentence: cut. */
function shown(url: string): string {
  return url.slice(0, 200);
}
