// Tells how far each tile of a shard is: as one small object, and as events where somebody listens. What was told stays told.

import { keys } from '../contract/keys.ts';
import type { AnalysisRequest } from '../contract/schemas.ts';
import { documents, readDocument, type StoredDocument } from '../documents.ts';
import type { PlannedTile } from '../planning/grid.ts';
import type { Plan } from '../planning/plan.ts';
import { type PendingTiles, type Shard, type ShardResult, tilesOfShard } from '../planning/shards.ts';
import { further, lettersOf, moved, type TileStates, waiting } from '../planning/tile-states.ts';
import type { PipelineDeps } from '../ports.ts';
import { documentWriter } from './document-writer.ts';
import { tileEvent } from './events.ts';
import type { TileResultCounter } from './tile-result-counter.ts';

export interface TileReport {
  /** A tile has begun or ended. */
  changed(): void;
  /** Resolves when the states of now are stored. */
  last(): Promise<void>;
  close(): Promise<void>;
}

export function reportTiles(
  { execution_id }: Pick<AnalysisRequest, 'execution_id'>,
  shard: Shard,
  tiles: readonly PlannedTile[],
  counter: Pick<TileResultCounter, 'state'>,
  deps: PipelineDeps,
): TileReport {
  const document = documents.tileStates(keys.tileStates(execution_id, shard.number));
  // What an earlier process stored was durable: until this one knows as much again, it counts.
  const earlier = storedStates(document, deps);
  let told = waiting(tiles.length); // a crash may have come between the object and the events: they are told again
  const snapshot = async (): Promise<TileStates> => {
    const states = further(await earlier, further(told, lettersOf(tiles.map(({ index }) => counter.state(index)))));
    deps.events?.publish(moved(told, states).flatMap(({ at, state }) => tileEvent(execution_id, tiles[at]?.index ?? -1, state)));
    told = states;
    return { ...placesOf(tiles), states };
  };
  const writer = documentWriter(document, snapshot, deps);
  return {
    changed: () => writer.soon(),
    last: () => writer.last(snapshot()),
    close: () => writer.close(),
  };
}

/** Tiles of shards that were lost or never begun have failed, but for those of which more is known. */
export async function failLostTiles(
  request: Pick<AnalysisRequest, 'execution_id'>,
  { plan, pendingTiles, shards }: { plan: Plan; pendingTiles: PendingTiles; shards: readonly ShardResult[] },
  deps: PipelineDeps,
): Promise<void> {
  for (const { shard, key } of shards) {
    if (key === null)
      await reportTiles(request, shard, tilesOfShard(plan, pendingTiles, shard), { state: () => 'failed' }, deps).last();
  }
}

/** Neighbours are told by the first of them. */
function placesOf(tiles: readonly PlannedTile[]): Pick<TileStates, 'from' | 'indexes'> {
  const from = tiles[0]?.index ?? 0;
  const areNeighbours = tiles.every(({ index }, at) => index === from + at);
  return { from, indexes: areNeighbours ? null : tiles.map(({ index }) => index) };
}

async function storedStates(document: StoredDocument<TileStates>, { blobs, log }: PipelineDeps): Promise<string> {
  try {
    return (await readDocument(document, blobs))?.states ?? '';
  } catch (error) {
    log.warn({ error }, 'The states of tiles could not be read; they are told from the start.');
    return '';
  }
}
