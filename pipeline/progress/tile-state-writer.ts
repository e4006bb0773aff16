// Reports the state of each tile of a shard: as one small document, and as events if something subscribes. A reported state is never
// taken back.
import { at } from '../contract/at.ts';
import { keys } from '../contract/keys.ts';
import type { AnalysisRequest } from '../contract/schemas.ts';
import { readDocument, type StoredDocument } from '../documents.ts';
import type { PlannedTile } from '../planning/grid.ts';
import type { Plan } from '../planning/plan.ts';
import type { ShardResult } from '../planning/shard-messages.ts';
import { type PendingTiles, type Shard, tilesOfShard } from '../planning/shards.ts';
import { allWaiting, changedTiles, furthest, lettersOf, type TileStates } from '../planning/tile-states.ts';
import type { PipelineDeps } from '../ports.ts';
import { stepDocuments } from '../step-documents.ts';
import { documentWriter } from './document-writer.ts';
import { tileEvent } from './events.ts';
import type { TileResultCounter } from './tile-result-counter.ts';

export interface TileReport {
  /** A tile has begun or ended. */
  changed(): void;
  /** Resolves when the present states are stored. */
  last(): Promise<void>;
  /** Stores what has changed and disarms the timer: for an invocation that suspends. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

export function reportTiles(
  { execution_id }: Pick<AnalysisRequest, 'execution_id'>,
  shard: Shard,
  tiles: readonly PlannedTile[],
  counter: Pick<TileResultCounter, 'state'>,
  deps: PipelineDeps,
): TileReport {
  const document = stepDocuments.tileStates(keys.tileStates(execution_id, shard.number));
  // An earlier process may have stored more than this one knows yet.
  const earlier = storedStates(document, deps);
  // Begins with no state published: a crash may have come between the document and its events, so they are published again.
  let published = allWaiting(tiles.length);
  const snapshot = async (): Promise<TileStates> => {
    const now = lettersOf(tiles.map(({ index }) => counter.state(index)));
    const states = furthest(await earlier, furthest(published, now));
    const changed = changedTiles(published, states);
    deps.events?.publish(changed.flatMap(({ position, state }) => tileEvent(execution_id, at(tiles, position).index, state)));
    published = states;
    return { ...positionsOf(tiles), states };
  };
  const writer = documentWriter(document, snapshot, deps);
  return {
    changed: () => writer.soon(),
    last: () => writer.last(snapshot()),
    flush: () => writer.flush(),
    close: () => writer.close(),
  };
}

/** Tiles of lost shards count as failed, and tiles of shards that never started as not analyzed, unless a tile is known to have ended. */
export async function failLostTiles(
  request: Pick<AnalysisRequest, 'execution_id'>,
  { plan, pendingTiles, shards }: { plan: Plan; pendingTiles: PendingTiles; shards: readonly ShardResult[] },
  deps: PipelineDeps,
): Promise<void> {
  for (const { shard, key, stopped } of shards) {
    if (key !== null) continue;
    const tiles = tilesOfShard(plan, pendingTiles, shard);
    await reportTiles(request, shard, tiles, { state: () => (stopped === null ? 'failed' : 'not_analyzed') }, deps).last();
  }
}

/** Tiles that follow each other need only the index of the first. A shard of no tiles has none. */
function positionsOf(tiles: readonly PlannedTile[]): Pick<TileStates, 'from' | 'indexes'> {
  const from = tiles[0]?.index ?? 0;
  const followEachOther = tiles.every(({ index }, position) => index === from + position);
  return { from, indexes: followEachOther ? null : tiles.map(({ index }) => index) };
}

async function storedStates(document: StoredDocument<TileStates>, { blobs, log }: PipelineDeps): Promise<string> {
  try {
    return (await readDocument(document, blobs))?.states ?? '';
  } catch (error) {
    log.warn({ error }, 'The stored states of the tiles could not be read; they are reported from the beginning.');
    return '';
  }
}
