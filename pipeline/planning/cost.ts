// What looking at a plan will take, before it is looked at: calls, tokens, money, time, operations. Pure; every figure is an estimate.
import type { AnalysisRequest, ModelId } from '../contract/schemas.ts';
import { type Plan, tileCount, tilesOf } from './plan.ts';
import { costOf } from './prices.ts';
import { operationsAtMost, SHARD_TILES_MAX, shardsOf } from './shards.ts';

/** What Claude models take for an image: https://platform.claude.com/docs/en/build-with-claude/vision, "Evaluate image size". */
const PIXELS_A_TOKEN = 750;
/** Larger images are shrunk before they are looked at: same page. */
const IMAGE_TOKENS_MAX = 1_600;
/** The rules and the form of pipeline/vision/prompts/detect-prompt.ts: 2,900 characters at 4 a token. */
const PROMPT_TOKENS = 725;
/** Two detections of 70 tokens: most tiles hold none or a few. */
const ANSWER_TOKENS = 140;
/** A language model answers a tile in some 3 s; a local one in 0.3 s of a core (measured on two). */
const ANSWER_S = { language: 3, local: 0.3 } as const;
/** Detect is the body of an analysis; cutting, merging and the summary add about a fifth (measured at 10,000 tiles). */
const BEFORE_AND_AFTER = 1.2;

export interface Estimate {
  tiles: number;
  /** Calls of detection models; blank tiles, known only once the image is cut, cost none. */
  calls: number;
  input_tokens: number;
  output_tokens: number;
  /** Null when the price of a model is unknown. */
  cost_usd: number | null;
  seconds: number;
  executions: number;
  /** Of the largest execution, with every retry. */
  operations_at_most: number;
}

export interface Pace {
  tileConcurrency: number;
  shardConcurrency: number;
}

export function estimateOf(plan: Plan, { models, verify }: Pick<AnalysisRequest, 'models' | 'verify'>, pace: Pace): Estimate {
  const tiles = tileCount(plan);
  const imageTokens = tilesOf(plan).reduce(
    (sum, { boxInLevel: [, , width, height] }) => sum + Math.min(IMAGE_TOKENS_MAX, Math.ceil((width * height) / PIXELS_A_TOKEN)),
    0,
  );
  const looks = models.detection.map((model) => looksOf(model, tiles, imageTokens));
  const shards = shardsOf(tiles).length;
  const together = pace.tileConcurrency * Math.min(shards, pace.shardConcurrency);
  const answering = looks.reduce((sum, { seconds }) => sum + seconds, 0);
  return {
    tiles,
    calls: tiles * models.detection.length,
    input_tokens: looks.reduce((sum, { input_tokens }) => sum + input_tokens, 0),
    output_tokens: looks.reduce((sum, { output_tokens }) => sum + output_tokens, 0),
    cost_usd: looks.every(({ known }) => known) ? rounded(looks.reduce((sum, { cost_usd }) => sum + cost_usd, 0)) : null,
    seconds: Math.ceil((answering / together) * BEFORE_AND_AFTER),
    executions: shards === 1 ? 1 : shards + 1,
    operations_at_most: Math.max(
      operationsAtMost(tiles, { verify }),
      shards === 1 ? 0 : operationsAtMost(SHARD_TILES_MAX, { verify: false }),
    ),
  };
}

function looksOf(model: ModelId, tiles: number, imageTokens: number) {
  if (/^(onnx|rules):/.test(model)) {
    return { input_tokens: 0, output_tokens: 0, cost_usd: 0, known: true, seconds: tiles * ANSWER_S.local };
  }
  const tokens = {
    input_tokens: imageTokens + tiles * PROMPT_TOKENS,
    output_tokens: tiles * ANSWER_TOKENS,
  };
  return { ...tokens, ...costOf(model, tokens), seconds: tiles * ANSWER_S.language };
}

function rounded(usd: number): number {
  return Math.round(usd * 10_000) / 10_000;
}

// Prices of the services around the model, us-east-1, arm64, as of 2026-11: aws.amazon.com/lambda/pricing, aws.amazon.com/s3/pricing.
const USD_A_MILLION_OPERATIONS = 8;
const USD_A_GB_WRITTEN = 0.25;
const USD_A_GB_SECOND = 0.0000133334;
const USD_A_THOUSAND_PUTS = 0.005;
const USD_A_THOUSAND_GETS = 0.0004;
const MEMORY_GB = 3;
/** A tile's operation holds its detections: 0.5 KB as measured on the example images, 16 KB at most. */
const CHECKPOINT_BYTES = 500;
/** Tiles that one ranged read brings: imaging/szi/szi-index.ts, a megabyte of 60 KB tiles. */
const TILES_A_READ = 15;

/** What the services around the models take: operations, requests and their price. */
export interface ServiceEstimate {
  operations: number;
  puts: number;
  gets: number;
  durable_usd: number;
  storage_usd: number;
  lambda_usd: number;
}

export function serviceEstimateOf({ tiles, executions, seconds }: Estimate, pace: Pace): ServiceEstimate {
  const shards = Math.max(1, executions - 1);
  const operations = tiles + shards * 3 + (executions > 1 ? shards * 3 : 0) + 9;
  const progressWrites = Math.ceil(seconds / 2) * (executions > 1 ? Math.min(shards, pace.shardConcurrency) + 1 : 1);
  const puts = shards + 8 + progressWrites;
  const gets = Math.ceil(tiles / TILES_A_READ) + shards * 3 + 8 + progressWrites; // each progress asks for a cancellation as well
  const running = executions > 1 ? Math.min(shards, pace.shardConcurrency) : 1; // the parent sleeps while its shards run
  return {
    operations,
    puts,
    gets,
    durable_usd: (operations * USD_A_MILLION_OPERATIONS) / 1e6 + ((operations * CHECKPOINT_BYTES) / 1e9) * USD_A_GB_WRITTEN,
    storage_usd: (puts * USD_A_THOUSAND_PUTS + gets * USD_A_THOUSAND_GETS) / 1_000,
    lambda_usd: seconds * running * MEMORY_GB * USD_A_GB_SECOND,
  };
}
