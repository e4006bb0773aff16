// Images in buckets by their addresses, s3://bucket/key. Knows the form; knows nothing of which bucket may be read.
import { checkedKey } from '../contract/keys.ts';

const ADDRESS = /^s3:\/\/([^/]+)\/(.+)$/isu;

export interface S3Address {
  bucket: string;
  key: string;
}

/**
 * As AWS's command line reads it: the key is all behind the bucket, and nothing in it is decoded. Null for what has another form, and
 * for a key that `checkedKey` refuses: with `..` in it, some stores would go to another bucket.
 */
export function s3AddressOf(address: string): S3Address | null {
  const [, bucket, key] = ADDRESS.exec(address) ?? [];
  if (bucket === undefined || key === undefined) return null;
  try {
    return { bucket, key: checkedKey(key) };
  } catch {
    return null;
  }
}
