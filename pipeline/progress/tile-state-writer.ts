// Tells how far each tile of a shard is: as one small object, and as events where somebody listens. What was told stays told.

import { keys } from '../contract/keys.ts';
import type { AnalysisRequest } from '../contract/schemas.ts';
import type { PlannedTile } from '../planning/grid.ts';
import type { Plan } from '../planning/plan.ts';
import { type PendingTiles, type Shard, type ShardResult, tilesOfShard } from '../planning/shards.ts';
import type { PipelineDeps } from '../ports.ts';
import { tileEvent } from './events.ts';
import { objectWriter } from './object-writer.ts';
import type { LookCounter } from './tile-result.ts';
import { further, lettersOf, moved, TileStates, waiting } from './tile-states.ts';

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
  counter: Pick<LookCounter, 'state'>,
  deps: PipelineDeps,
): TileReport {
  const key = keys.tileStates(execution_id, shard.number);
  // What an earlier process stored was durable: until this one knows as much again, it counts.
  const earlier = storedStates(key, deps);
  let told = waiting(tiles.length); // a crash may have come between the object and the events: they are told again
  const snapshot = async (): Promise<TileStates> => {
    const states = further(await earlier, further(told, lettersOf(tiles.map(({ index }) => counter.state(index)))));
    deps.events?.publish(moved(told, states).flatMap(({ at, state }) => tileEvent(execution_id, tiles[at]?.index ?? -1, state)));
    told = states;
    return { ...placesOf(tiles), states };
  };
  const writer = objectWriter(key, snapshot, deps);
  return {
    changed: () => writer.soon(),
    last: () => writer.last(snapshot()),
    close: () => writer.close(),
  };
}

/** Tiles of shards that were lost or never begun have failed, but for those of which more is known. */
export async function failLostTiles(
  request: Pick<AnalysisRequest, 'execution_id'>,
  { plan, todo, shards }: { plan: Plan; todo: PendingTiles; shards: readonly ShardResult[] },
  deps: PipelineDeps,
): Promise<void> {
  for (const { shard, key } of shards) {
    if (key === null) await reportTiles(request, shard, tilesOfShard(plan, todo, shard), { state: () => 'failed' }, deps).last();
  }
}

/** Neighbours are told by the first of them. */
function placesOf(tiles: readonly PlannedTile[]): Pick<TileStates, 'from' | 'indexes'> {
  const from = tiles[0]?.index ?? 0;
  const areNeighbours = tiles.every(({ index }, at) => index === from + at);
  return { from, indexes: areNeighbours ? null : tiles.map(({ index }) => index) };
}

async function storedStates(key: string, { blobs, log }: PipelineDeps): Promise<string> {
  try {
    const bytes = await blobs.get(key);
    return bytes ? TileStates.parse(JSON.parse(Buffer.from(bytes).toString())).states : '';
  } catch (error) {
    log.warn({ error }, 'The states of tiles could not be read; they are told from the start.');
    return '';
  }
}
