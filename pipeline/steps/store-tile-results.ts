// Step 4, at the end of a shard: stores its tile results as one document. The checkpoint holds the key and the counts.
import { keys } from '../contract/keys.ts';
import type { Usage } from '../contract/schemas.ts';
import { writeDocument } from '../documents.ts';
import type { ShardResult } from '../planning/shard-messages.ts';
import type { Shard } from '../planning/shards.ts';
import type { PipelineDeps } from '../ports.ts';
import type { TileResultCounter } from '../progress/tile-result-counter.ts';
import { stepDocuments } from '../step-documents.ts';

export async function storeTileResults(
  executionId: string,
  shard: Shard,
  counter: TileResultCounter,
  { blobs, metrics }: PipelineDeps,
): Promise<ShardResult> {
  const key = keys.tileResults(executionId, shard.number);
  await writeDocument(stepDocuments.tileResults(key), counter.results(), blobs);
  const result: ShardResult = {
    shard,
    key,
    reason: null,
    tiles: counter.tiles(),
    detections: counter.detections(),
    usage: counter.usage(),
    stopped: counter.stopped(),
  };
  measure(result, metrics);
  return result;
}

function measure({ tiles, usage }: Pick<ShardResult, 'tiles' | 'usage'>, metrics: PipelineDeps['metrics']): void {
  metrics?.add('TilesDone', tiles.done);
  metrics?.add('TilesFailed', tiles.failed);
  metrics?.add('TilesBlank', tiles.blank);
  measureUsage(usage, metrics);
  metrics?.flush();
}

/** Tokens, and their cost as far as the price is known. */
export function measureUsage({ input_tokens, output_tokens, cost_usd }: Usage, metrics: PipelineDeps['metrics']): void {
  metrics?.add('InputTokens', input_tokens);
  metrics?.add('OutputTokens', output_tokens);
  metrics?.add('CostUsd', cost_usd);
}
