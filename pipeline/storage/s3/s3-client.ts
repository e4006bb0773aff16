// AWS's S3 client, loaded on first use: loading it at the start makes a cold start 3.3 times as long.
// Region and credentials come from the SDK's own chain.
import type { S3ClientConfig } from '@aws-sdk/client-s3';

export interface S3Connection {
  /** Replaces the region's endpoint: a VPC endpoint, or an S3-compatible store. */
  endpoint?: string;
  /** Longest time without a byte in either direction. Default: SILENCE_TIMEOUT_MS. */
  silenceTimeoutMs?: number;
}

export interface S3Options extends S3Connection {
  bucket: string;
}

const ATTEMPTS_MAX = 4; // waits of up to 0.05, 0.1 and 0.2 s after a fault, of 1, 2 and 4 s after too many calls
const CONNECT_TIMEOUT_MS = 5_000; // two lost SYN packets: 1 + 2 s, and the way itself
const SILENCE_TIMEOUT_MS = 20_000; // S3 answers within a second; a part's checks and a busy machine need a few
const SOCKETS_MAX = 256; // the most tiles that may be analyzed concurrently (TILE_CONCURRENCY)

/** A client and the commands that the adapters send. */
export type S3 = Awaited<ReturnType<typeof load>>;

/** `settings` are specific to one adapter. */
export function s3Client(options: S3Connection, settings: S3ClientConfig = {}): () => Promise<S3> {
  let loaded: Promise<S3> | undefined;
  return () => {
    loaded ??= load(options, settings);
    return loaded;
  };
}

async function load({ endpoint, silenceTimeoutMs = SILENCE_TIMEOUT_MS }: S3Connection, settings: S3ClientConfig) {
  // Imported by name, so that a bundler omits the other hundred commands.
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
