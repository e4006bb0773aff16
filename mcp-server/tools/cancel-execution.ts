// cancel_execution: ends a running analysis and keeps its findings so far.
import { z } from 'zod';
import { keys } from '../../pipeline/contract/keys.ts';
import { ExecutionId, type Phase } from '../../pipeline/contract/schemas.ts';
import { documents, readDocument, writeDocument } from '../../pipeline/documents.ts';
import type { ToolDeps } from '../access/deps.ts';
import { ExecutionView, viewEnd, viewExecution } from '../executions/status.ts';
import type { Tool } from './define.ts';

/** The pipeline notices a cancellation within two seconds, aborts the tiles in progress and merges what it has. */
const GRACE_S = 15;
/** A shard waits for one answer at a time. */
const WAITS_MAX = 1_000;
/** No tile has been analyzed in these phases, so there is nothing to merge. */
const BEFORE_DETECTION: ReadonlySet<Phase> = new Set(['queued', 'inspect', 'moderate', 'tile']);

const input = z.strictObject({ execution_id: ExecutionId });

const output = ExecutionView.pick({ execution_id: true, status: true, tiles: true, reason: true, next_step: true });

export const cancelExecution = {
  name: 'cancel_execution',
  title: 'Cancel an analysis',
  description:
    'Use this to stop a running analysis that is no longer needed or has found enough. Tiles in progress are aborted; findings so far are ' +
    'merged and kept (status CANCELLED). Next: list_findings, or retry_failed_tiles to continue later. A finished analysis does not change.',
  input,
  output,
  owned: { execution_id: 'execution' },
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  async run({ execution_id }, deps) {
    const { status, phase } = await deps.progress.current(execution_id);
    if (status !== 'RUNNING') return await viewExecution(execution_id, 0, deps);
    const cancellation = { cancelled_at: deps.clock.now().toISOString() };
    await writeDocument(documents.cancellation(execution_id), cancellation, deps.blobs);
    await wake(execution_id, deps);
    if (!BEFORE_DETECTION.has(phase)) {
      const view = await viewEnd(execution_id, GRACE_S, deps);
      if (view.status !== 'RUNNING') return view;
    }
    await stop(execution_id, deps);
    return await viewExecution(execution_id, 0, deps);
  },
} as const satisfies Tool<typeof input, typeof output>;

/** An execution that waits for an answer notices the cancellation only when it continues. */
async function wake(executionId: string, { blobs, callbacks }: ToolDeps): Promise<void> {
  for (const key of await blobs.list(keys.waitsFolder(executionId), { limit: WAITS_MAX })) {
    const wait = await readDocument(documents.waitAt(key), blobs);
    if (wait) await callbacks.succeed({ executionId, callbackId: wait.callback_id }, '');
  }
}

async function stop(executionId: string, { launcher }: ToolDeps): Promise<void> {
  await launcher.stop(executionId, { type: 'UserError', message: 'The analysis was cancelled.' });
}
