// cancel_execution: ends a running analysis. What was found until then stays.
import { z } from 'zod';
import { keys } from '../../pipeline/contract/keys.ts';
import type { Phase } from '../../pipeline/contract/schemas.ts';
import type { ToolDeps } from '../access/deps.ts';
import { ExecutionView, readProgress, viewEnd, viewExecution } from '../executions/status.ts';
import type { Tool } from './define.ts';
import { ExecutionId } from './get-execution.ts';

/** It hears of it within two seconds, ends the tiles under way, and merges what it has. */
const GRACE_S = 15;
/** Nothing has been looked at in these: there is nothing to merge. */
const BEFORE_LOOKING: ReadonlySet<Phase> = new Set(['queued', 'inspect', 'moderate', 'tile']);

const input = z.strictObject({ execution_id: ExecutionId });

const output = ExecutionView.pick({ execution_id: true, status: true, tiles: true, reason: true, next_step: true });

export const cancelExecution: Tool<typeof input, typeof output> = {
  name: 'cancel_execution',
  title: 'Cancel an analysis',
  description:
    'Use this when the results of a running analysis are not needed any more, or what was found so far is enough. Tiles under way are ended, ' +
    'what was found is merged and kept (status CANCELLED). Next: list_findings for what was found, or retry_failed_tiles to go on later. ' +
    'An analysis that has ended stays as it is.',
  input,
  output,
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  async run({ execution_id }, deps) {
    const { status, phase } = await readProgress(execution_id, deps);
    if (status !== 'RUNNING') return await viewExecution(execution_id, 0, deps);
    const wish = { cancelled_at: deps.clock.now().toISOString() };
    await deps.blobs.put(keys.cancel(execution_id), Buffer.from(JSON.stringify(wish)));
    if (!BEFORE_LOOKING.has(phase)) {
      const view = await viewEnd(execution_id, GRACE_S, deps);
      if (view.status !== 'RUNNING') return view;
    }
    await endHard(execution_id, deps);
    return await viewExecution(execution_id, 0, deps);
  },
};

async function endHard(executionId: string, { launcher }: ToolDeps): Promise<void> {
  await launcher.stop(executionId, { type: 'UserError', message: 'The analysis was cancelled.' });
}
