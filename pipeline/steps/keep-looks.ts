// Step 4, at the end of a shard: what its tiles showed becomes one object, and the checkpoint holds its key.
import { keys } from '../core/keys.ts';
import type { Shard, ShardResult } from '../core/shards.ts';
import type { PipelineDeps } from '../ports.ts';
import type { LookCounter } from './looked.ts';

export async function keepLooks(
  executionId: string,
  shard: Shard,
  counter: LookCounter,
  { blobs }: PipelineDeps,
): Promise<ShardResult> {
  const key = keys.looks(executionId, shard.number);
  await blobs.put(key, Buffer.from(JSON.stringify(counter.looks())));
  const result = { tiles: counter.tiles(), detections: counter.detections(), usage: counter.usage(), stopped: counter.stopped() };
  return { shard, key, reason: null, ...result };
}
