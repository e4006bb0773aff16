// What is stored of an execution while it runs, put together: its image, how far each tile is, its progress. Reads only what may
// have changed; tiles never move back, even if their process starts again.

import { keys } from '../../pipeline/contract/keys.ts';
import type { Progress } from '../../pipeline/contract/schemas.ts';
import { documents, readDocument } from '../../pipeline/documents.ts';
import { tileCount } from '../../pipeline/planning/grid.ts';
import type { StoredPlan } from '../../pipeline/planning/stored-plan.ts';
import { ELSEWHERE, isOver, waiting, withStates } from '../../pipeline/planning/tile-states.ts';
import type { Blobs } from '../../pipeline/ports.ts';

const SHARDS_MAX = 1_000; // 100,000 tiles are 118

export interface SeenExecution {
  /** Null until the image has been inspected. */
  plan: StoredPlan | null;
  /** One letter a tile of the plan, as planning/tile-states.ts has them. */
  states: string;
  progress: Progress;
}

export interface ExecutionReaderDeps {
  blobs: Blobs;
  /** Throws a UserError when there is no such execution. */
  progressOf(executionId: string): Promise<Progress>;
}

/** Each call returns the current state. */
export function executionReader(executionId: string, { blobs, progressOf }: ExecutionReaderDeps): () => Promise<SeenExecution> {
  const folder = keys.tileStatesFolder(executionId);
  const over = new Set<string>();
  let plan: StoredPlan | null = null;
  let states = '';

  const readTiles = async (key: string) => {
    const part = await readDocument(documents.tileStates(key), blobs);
    if (!part) return;
    states = withStates(states, part);
    if (isOver(part.states)) over.add(key);
  };

  return async () => {
    const progress = await progressOf(executionId); // before the tiles: when it has ended, they have
    if (!plan) {
      plan = await readDocument(documents.plan(executionId), blobs);
      if (plan) states = plan.request.retry_of ? ELSEWHERE.repeat(tileCount(plan.plan)) : waiting(tileCount(plan.plan));
    }
    if (plan) {
      const shards = await blobs.list(folder, { limit: SHARDS_MAX });
      for (const key of shards) if (!over.has(key)) await readTiles(key);
    }
    return { plan, states, progress };
  };
}
