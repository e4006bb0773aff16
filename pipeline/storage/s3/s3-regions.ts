// Reaches buckets in any region. A bucket answers in its own region only, and names it in the error of every other one.
import { lru } from '../../contract/lru.ts';
import { type S3, type S3Connection, s3Client } from './s3-client.ts';

const REGIONS_KEPT_MAX = 50; // AWS has about 40
const BUCKETS_KEPT_MAX = 1_000;
const REGION = /^[a-z]+(-[a-z]+)+-\d+$/;

/** Makes a call with a client of the bucket's region. Never follows to another host: a region only chooses one of S3's own. */
export type InItsRegion = <T>(bucket: string, call: (s3: S3) => Promise<T>) => Promise<T>;

export function s3ByRegion(connection: S3Connection): InItsRegion {
  const here = s3Client(connection);
  const clients = lru<string, () => Promise<S3>>(REGIONS_KEPT_MAX);
  const regions = lru<string, string>(BUCKETS_KEPT_MAX);

  const clientIn = (region: string): (() => Promise<S3>) => {
    const client = clients.get(region) ?? s3Client(connection, { region });
    clients.set(region, client);
    return client;
  };

  return async (bucket, call) => {
    const known = regions.get(bucket);
    const s3 = await (known === undefined ? here : clientIn(known))();
    try {
      return await call(s3);
    } catch (error) {
      const region = regionIn(error);
      if (region === null || region === (await s3.client.config.region())) throw error;
      regions.set(bucket, region);
      return await call(await clientIn(region)());
    }
  };
}

/**
 * The region of the bucket, as S3 names it in a header of most refusals, or in the body of one with a wrong signature:
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
 */
function regionIn(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const { Region, $response }: Error & { Region?: unknown; $response?: { headers?: Record<string, string> } } = error;
  const region = $response?.headers?.['x-amz-bucket-region'] ?? Region;
  return typeof region === 'string' && REGION.test(region) ? region : null;
}
