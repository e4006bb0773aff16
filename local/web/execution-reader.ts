// Reads what is stored about an execution, for the local page: its plan, the state of each tile and its progress. Reads only what may
// have changed. A tile never moves back, even if the process that analyzes it starts again.
import { keys } from '../../pipeline/contract/keys.ts';
import type { Progress } from '../../pipeline/contract/schemas.ts';
import { documents, readDocument } from '../../pipeline/documents.ts';
import { tileCount } from '../../pipeline/planning/grid.ts';
import type { StoredPlan } from '../../pipeline/planning/stored-plan.ts';
import { allEnded, allWaiting, OTHER_EXECUTION, withStates } from '../../pipeline/planning/tile-states.ts';
import type { Blobs } from '../../pipeline/ports.ts';
import type { ProgressReader } from '../../pipeline/progress/progress-reader.ts';
import { stepDocuments } from '../../pipeline/step-documents.ts';

const SHARDS_MAX = 1_000; // 100,000 tiles are 118

export interface ExecutionSnapshot {
  /** `null` before the image is cut into tiles. */
  plan: StoredPlan | null;
  /** One letter for each tile of the plan: planning/tile-states.ts. */
  states: string;
  progress: Progress;
}

export interface ExecutionReaderDeps {
  blobs: Pick<Blobs, 'get' | 'list'>;
  progress: Pick<ProgressReader, 'current'>;
}

/** Each call reads the present state. Throws a UserError if there is no such execution. */
export function executionReader(executionId: string, { blobs, progress }: ExecutionReaderDeps): () => Promise<ExecutionSnapshot> {
  const ended = new Set<string>();
  let plan: StoredPlan | null = null;
  let states = '';

  const readTiles = async (key: string) => {
    const shard = await readDocument(stepDocuments.tileStates(key), blobs);
    if (!shard) return;
    states = withStates(states, shard);
    if (allEnded(shard.states)) ended.add(key);
  };

  return async () => {
    const current = await progress.current(executionId); // before the tiles: once the execution has ended, they have too
    if (!plan) {
      plan = await readDocument(documents.plan(executionId), blobs);
      if (plan) states = statesBefore(plan);
    }
    if (plan) {
      const shards = await blobs.list(keys.tileStatesFolder(executionId), { limit: SHARDS_MAX });
      for (const key of shards) if (!ended.has(key)) await readTiles(key);
    }
    return { plan, states, progress: current };
  };
}

function statesBefore({ request, plan }: StoredPlan): string {
  const tiles = tileCount(plan);
  return request.retry_of ? OTHER_EXECUTION.repeat(tiles) : allWaiting(tiles);
}
