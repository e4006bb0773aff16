// The newest executions with how far they are: those that run, those that have findings, those that ended without any.

import { INDEX_NAME, index, indexOf } from '../../pipeline/contract/keys.ts';
import { documents, readDocument } from '../../pipeline/documents.ts';
import type { LauncherWithHistory } from '../../pipeline/ports.ts';
import type { ListedExecution } from '../../pipeline/progress/events.ts';
import type { ExecutionReaderDeps } from './execution-reader.ts';

export const LISTED_MAX = 50;
const LOOKED_THROUGH_MAX = 200; // of what the engine knows: parts of large executions are between them
/** The engine's own name for the execution of a part. */
const PART = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export interface ExecutionListDeps extends ExecutionReaderDeps {
  launcher: Pick<LauncherWithHistory, 'list'>;
}

/** Each call tells the list of now, newest first. What has ended is read once. */
export function executionList(deps: ExecutionListDeps): () => Promise<ListedExecution[]> {
  let known = new Map<string, ListedExecution>();
  return async () => {
    const executions: ListedExecution[] = [];
    for (const id of await newestIds(deps)) {
      const before = known.get(id);
      executions.push(before && before.status !== 'RUNNING' ? before : await listed(id, before?.image ?? null, deps));
    }
    known = new Map(executions.map((execution) => [execution.execution_id, execution]));
    return executions;
  };
}

async function newestIds({ blobs, launcher }: ExecutionListDeps): Promise<string[]> {
  const folder = indexOf(null).byTime;
  const page = { newestFirst: true, limit: LOOKED_THROUGH_MAX };
  const [keysByTime, running, latest] = await Promise.all([
    blobs.list(folder, { limit: LISTED_MAX }),
    launcher.list({ ...page, states: ['running'] }),
    launcher.list(page),
  ]);
  const startedMs = new Map<string, number>();
  for (const name of keysByTime.map((key) => key.slice(folder.length)).filter((text) => INDEX_NAME.test(text)))
    startedMs.set(name.slice(name.indexOf('-') + 1), index.startedAt(name).getTime());
  for (const { executionId, state } of [...running.executions, ...latest.executions])
    if (!PART.test(executionId)) startedMs.set(executionId, state.startedAt.getTime());
  const newest = [...startedMs].sort(([a, aMs], [b, bMs]) => bMs - aMs || (a < b ? -1 : 1));
  return newest.slice(0, LISTED_MAX).map(([id]) => id);
}

async function listed(id: string, image: string | null, { blobs, progressOf }: ExecutionListDeps): Promise<ListedExecution> {
  const { execution_id, status, phase, tiles, findings, usage, started_at, updated_at, reason } = await progressOf(id);
  const named = image ?? (await readDocument(documents.plan(id), blobs))?.request.image.uri ?? null;
  return { execution_id, status, phase, tiles, findings, usage, image: named, started_at, updated_at, reason };
}
