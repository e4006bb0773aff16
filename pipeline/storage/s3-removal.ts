// Removal in a bucket. Knows S3's requests and their limits.
import { TransientError, UserError } from '../contract/errors.ts';
import { checkedFolder, checkedKey } from '../contract/key-checks.ts';
import type { Removal } from '../ports.ts';
import { type S3Options, s3Client } from './s3/s3-client.ts';
import { answerOf } from './s3/s3-errors.ts';

const KEYS_MAX = 1_000; // of one request

/** Throws as `s3Blobs` does. */
export function s3Removal(options: S3Options): Removal {
  const { bucket } = options;
  const s3 = s3Client(options);

  async function objects(keys: readonly string[]): Promise<void> {
    const [{ client }, { DeleteObjectsCommand }] = [await s3(), await import('@aws-sdk/client-s3')];
    for (let from = 0; from < keys.length; from += KEYS_MAX) {
      const Objects = keys.slice(from, from + KEYS_MAX).map((key) => ({ Key: checkedKey(key) }));
      const { Errors = [] } = await answerOf(
        client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } })),
      );
      const [failed] = Errors;
      if (!failed) continue;
      const cause = new Error(`${failed.Code}: ${failed.Message}`);
      if (failed.Code === 'AccessDenied')
        throw new UserError('The store of this deployment refused a deletion. Allow its role s3:DeleteObject on the objects.', {
          cause,
        });
      throw new TransientError('The store could not delete all objects. Try again.', { cause });
    }
  }

  return {
    objects,
    async folder(folder) {
      const Prefix = checkedFolder(folder, { limit: 1 });
      const { client, ListObjectsV2Command } = await s3();
      for (;;) {
        const { Contents = [] } = await answerOf(
          client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix, MaxKeys: KEYS_MAX })),
        );
        const keys = Contents.flatMap(({ Key }) => (Key === undefined ? [] : [Key]));
        if (keys.length === 0) return;
        await objects(keys);
      }
    },
  };
}
