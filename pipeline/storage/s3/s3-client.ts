// AWS's S3 client, loaded when it is first needed: loaded at start it makes a cold start 3.3 times as long.
// Region and credentials come from the SDK's own chain.
import type { S3ClientConfig } from '@aws-sdk/client-s3';

export interface S3Connection {
  /** In place of the region's own: a VPC endpoint, or a store that speaks S3. */
  endpoint?: string;
  /** Without a byte in either direction; SILENCE_TIMEOUT_MS when left out. */
  silenceTimeoutMs?: number;
}

export interface S3Options extends S3Connection {
  bucket: string;
}

const ATTEMPTS_MAX = 4; // waits of up to 0.05, 0.1 and 0.2 s after a fault, of 1, 2 and 4 s after too many calls
const CONNECT_TIMEOUT_MS = 5_000; // two lost SYN packets: 1 + 2 s, and the way itself
const SILENCE_TIMEOUT_MS = 20_000; // S3 answers within a second; a part's checks and a busy machine need a few
const SOCKETS_MAX = 256; // as many tiles as may be looked at at once (TILE_CONCURRENCY)

/** Settings for buckets of others, which may be in another region than ours. */
export const elsewhere: S3ClientConfig = { followRegionRedirects: true };

/** `settings` are those of one adapter's own. */
export function s3Client(options: S3Connection, settings: S3ClientConfig = {}): () => ReturnType<typeof load> {
  let loaded: ReturnType<typeof load> | undefined;
  return () => {
    loaded ??= load(options, settings);
    return loaded;
  };
}

async function load({ endpoint, silenceTimeoutMs = SILENCE_TIMEOUT_MS }: S3Connection, settings: S3ClientConfig) {
  // By name, so that a bundler leaves out the other hundred commands.
  const { S3Client, HeadObjectCommand, GetObjectCommand, PutObjectCommand, ListObjectsV2Command } = await import(
    '@aws-sdk/client-s3'
  );
  const client = new S3Client({
    retryMode: 'standard',
    maxAttempts: ATTEMPTS_MAX,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: silenceTimeoutMs,
      httpAgent: { maxSockets: SOCKETS_MAX },
      httpsAgent: { maxSockets: SOCKETS_MAX },
    },
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }), // such hosts have no name for each bucket
    ...settings,
  });
  return { client, HeadObjectCommand, GetObjectCommand, PutObjectCommand, ListObjectsV2Command };
}
