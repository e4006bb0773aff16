// Estimates the AWS services around the models: operations, requests and their price. Pure.
// Prices: us-east-1, arm64, as of 2026-11, aws.amazon.com/lambda/pricing and aws.amazon.com/s3/pricing.
import type { Estimate, Pace } from './cost.ts';

const USD_PER_MILLION_OPERATIONS = 8;
const USD_PER_GB_WRITTEN = 0.25;
const USD_PER_GB_SECOND = 0.0000133334;
const USD_PER_THOUSAND_PUTS = 0.005;
const USD_PER_THOUSAND_GETS = 0.0004;
const MEMORY_GB = 3;
/** The operation of a tile holds its detections: 0.5 KB as measured on the example images, 16 KB at most. */
const CHECKPOINT_BYTES = 500;
/** Tiles that one ranged read returns: imaging/szi/szi-index.ts, a megabyte of 60 KB tiles. */
const TILES_PER_READ = 15;

export interface ServiceEstimate {
  operations: number;
  puts: number;
  gets: number;
  durable_usd: number;
  storage_usd: number;
  lambda_usd: number;
}

export function serviceEstimateOf({ tiles, executions, seconds }: Estimate, pace: Pace): ServiceEstimate {
  const isSharded = executions > 1;
  const shards = Math.max(1, executions - 1);
  const runningShards = Math.min(shards, pace.shardConcurrency);
  const operations = tiles + shards * 3 + (isSharded ? shards * 3 : 0) + 9;
  const progressWrites = Math.ceil(seconds / 2) * (isSharded ? runningShards + 1 : 1);
  const puts = shards + 8 + progressWrites;
  const gets = Math.ceil(tiles / TILES_PER_READ) + shards * 3 + 8 + progressWrites; // each progress write also checks for a cancellation
  const runningExecutions = isSharded ? runningShards : 1; // the parent is suspended while its shards run
  return {
    operations,
    puts,
    gets,
    durable_usd: (operations * USD_PER_MILLION_OPERATIONS) / 1e6 + ((operations * CHECKPOINT_BYTES) / 1e9) * USD_PER_GB_WRITTEN,
    storage_usd: (puts * USD_PER_THOUSAND_PUTS + gets * USD_PER_THOUSAND_GETS) / 1_000,
    lambda_usd: seconds * runningExecutions * MEMORY_GB * USD_PER_GB_SECOND,
  };
}
