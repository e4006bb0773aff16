// The newest executions with their progress, for the local page: running ones, and ended ones with and without findings.

import { INDEX_NAME, index, indexOf } from '../../pipeline/contract/keys.ts';
import { lru } from '../../pipeline/contract/lru.ts';
import { documents, readDocument } from '../../pipeline/documents.ts';
import type { Clock, LauncherWithHistory } from '../../pipeline/ports.ts';
import type { ListedExecution } from '../../pipeline/progress/events.ts';
import type { ExecutionReaderDeps } from './execution-reader.ts';

export const LISTED_MAX = 50;
const SETTLING_MS = 10_000; // a stopped execution's code is gone within 5 s
const SEARCHED_MAX = 200; // of the engine's executions, which include the shards of large ones
/** The engine names the execution of a shard with a UUID. */
const SHARD_NAME = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export interface ExecutionListDeps extends ExecutionReaderDeps {
  launcher: Pick<LauncherWithHistory, 'list'>;
  /** The name of the image that an execution was started with; `null` if that is not known. */
  requestedImage(executionId: string): string | null;
  clock: Clock;
}

/** Each call returns the current list, newest first. An execution is not read again once it has settled. */
export function executionList(deps: ExecutionListDeps): () => Promise<ListedExecution[]> {
  const known = lru<string, ListedExecution>(LISTED_MAX);
  return async () => {
    const executions: ListedExecution[] = [];
    for (const [id, startedMs] of await newest(deps)) {
      const latest = known.get(id);
      // What started after it ended is another execution: the earlier one was deleted.
      const before = latest && (latest.status === 'RUNNING' || Date.parse(latest.updated_at) >= startedMs) ? latest : null;
      const now = before && hasSettled(before, deps.clock) ? before : await listed(id, before?.image ?? null, deps);
      known.set(id, now);
      executions.push(now);
    }
    return executions;
  };
}

/** Whether nothing more can be stored: the code of a stopped execution may still end its last step. */
export function hasSettled({ status, updated_at }: Pick<ListedExecution, 'status' | 'updated_at'>, clock: Clock): boolean {
  return status !== 'RUNNING' && clock.now().getTime() - Date.parse(updated_at) > SETTLING_MS;
}

/** The newest executions, each with its start. */
async function newest({ blobs, launcher }: ExecutionListDeps): Promise<[id: string, startedMs: number][]> {
  const folder = indexOf(null).byTime;
  const page = { newestFirst: true, limit: SEARCHED_MAX };
  const [keysByTime, running, latest] = await Promise.all([
    blobs.list(folder, { limit: LISTED_MAX }),
    launcher.list({ ...page, states: ['running'] }),
    launcher.list(page),
  ]);
  const startedMs = new Map<string, number>();
  for (const name of keysByTime.map((key) => key.slice(folder.length)).filter((text) => INDEX_NAME.test(text)))
    startedMs.set(name.slice(name.indexOf('-') + 1), index.startedAt(name).getTime());
  for (const { executionId, state } of [...running.executions, ...latest.executions])
    if (!SHARD_NAME.test(executionId)) startedMs.set(executionId, state.startedAt.getTime());
  return [...startedMs].sort(([a, aMs], [b, bMs]) => bMs - aMs || (a < b ? -1 : 1)).slice(0, LISTED_MAX);
}

async function listed(id: string, image: string | null, deps: ExecutionListDeps): Promise<ListedExecution> {
  const { blobs, progress } = deps;
  const { execution_id, status, phase, tiles, findings, usage, started_at, updated_at, reason } = await progress.current(id);
  const named = image ?? (await readDocument(documents.plan(id), blobs))?.request.image.uri ?? deps.requestedImage(id);
  return { execution_id, status, phase, tiles, findings, usage, image: named, started_at, updated_at, reason };
}
