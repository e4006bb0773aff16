// Step 4, at the end of a shard: stores its tile results as one document. The checkpoint holds the key and the counts. Before the end,
// the results so far are stored from time to time, for an execution that is stopped from outside.
import { keys } from '../contract/keys.ts';
import type { Usage } from '../contract/schemas.ts';
import { readDocument, writeDocument } from '../documents.ts';
import type { ShardResult } from '../planning/shard-messages.ts';
import type { Shard } from '../planning/shards.ts';
import type { Blobs, PipelineDeps } from '../ports.ts';
import { documentWriter } from '../progress/document-writer.ts';
import { hasAnalyzedTiles } from '../progress/progress-reader.ts';
import { shownNotes } from '../progress/stored-end.ts';
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
    notes: shownNotes([counter.notes()]),
  };
  measure(result, metrics);
  return result;
}

/** Whether a model has analyzed a tile of this execution in another shard: one that runs, or an earlier one that has ended. */
export async function hasOtherShardWorked(executionId: string, shard: Shard, blobs: Pick<Blobs, 'get'>): Promise<boolean> {
  if (await hasAnalyzedTiles(executionId, blobs)) return true; // progress is stored from time to time, results always
  for (let number = 0; number < shard.number; number++) {
    const results = await readDocument(stepDocuments.tileResults(keys.tileResults(executionId, number)), blobs);
    if (results?.some(({ outcome }) => !('failed' in outcome) && !outcome.blank)) return true;
  }
  return false;
}

/** An execution that is stopped from outside loses at most the tiles of this time. A write of a large shard has a few MB. */
const SO_FAR_EVERY_MS = 15_000;

export interface SoFarWriter {
  changed(): void;
  /** Stores what has changed and disarms the timer: for an invocation that suspends. */
  flush(): Promise<void>;
  /** The final results are stored: frees the space. */
  end(): Promise<void>;
}

export function storeSoFar(
  executionId: string,
  shard: Shard,
  counter: Pick<TileResultCounter, 'results'>,
  { blobs, log, limits }: Pick<PipelineDeps, 'blobs' | 'log' | 'limits'>,
): SoFarWriter {
  const document = stepDocuments.tileResults(keys.tileResultsSoFar(executionId, shard.number));
  let isStored = false;
  const snapshot = () => {
    isStored = true;
    return counter.results();
  };
  const writer = documentWriter(document, snapshot, { blobs, log, limits: { ...limits, progressEveryMs: SO_FAR_EVERY_MS } });
  return {
    changed: () => writer.soon(),
    flush: () => writer.flush(),
    async end() {
      await writer.close();
      if (isStored) await writeDocument(document, [], blobs);
    },
  };
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
  if (cost_usd !== null) metrics?.add('CostUsd', cost_usd);
}
