// retry_failed_tiles: starts an execution that analyzes only the tiles an earlier one left out, and merges the findings of both.
import { z } from 'zod';
import { UserError } from '../../pipeline/contract/errors.ts';
import { type AnalysisRequest, ExecutionId } from '../../pipeline/contract/schemas.ts';
import { checkCost } from '../access/cost-limit.ts';
import type { ToolDeps } from '../access/deps.ts';
import { executionName } from '../executions/execution-name.ts';
import { startExecution } from '../executions/start.ts';
import { hasTileResults, viewEnd } from '../executions/status.ts';
import { readFindings, readPlan } from '../executions/stored-findings.ts';
import { Started } from './analyze-image.ts';
import { waitForEnd } from './arguments.ts';
import type { Tool } from './define.ts';

const input = z.strictObject({
  execution_id: ExecutionId.describe('An execution that ended PARTIAL, FAILED, CANCELLED or TIMED_OUT.'),
  max_cost_usd: z.number().positive().optional().describe('Stop detecting once this much is spent.'),
  wait_seconds: waitForEnd,
});

const output = Started.pick({ execution_id: true, status: true, created: true, poll_after_seconds: true, next_step: true });

export const retryFailedTiles = {
  name: 'retry_failed_tiles',
  title: 'Retry failed tiles',
  description:
    'Use this after an analysis that ended PARTIAL, FAILED, CANCELLED or TIMED_OUT. Starts a new execution that analyzes only the tiles that failed or ' +
    'were not analyzed and merges the new findings with the existing ones; the earlier execution does not change. ' +
    'Next: get_execution with the new execution_id, then list_findings.',
  instruction: 'PARTIAL means that some tiles failed: retry_failed_tiles analyzes them again.',
  input,
  output,
  owned: { execution_id: 'execution' },
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  async run(args, deps) {
    const { request, pyramid_of } = await readPlan(args.execution_id, deps);
    await checkHasPendingTiles(args.execution_id, deps);
    const { execution_id: _, ...earlier } = request;
    const retry: Omit<AnalysisRequest, 'execution_id'> = {
      ...earlier,
      owner: deps.owner,
      max_cost_usd: checkCost(args.max_cost_usd, deps),
      retry_of: { execution_id: args.execution_id, pyramid_of },
    };
    const execution_id = await executionName(retry, null, deps.deployment);
    const { created } = await startExecution({ execution_id, ...retry }, deps);
    return { ...(await viewEnd(execution_id, args.wait_seconds, deps)), created };
  },
} as const satisfies Tool<typeof input, typeof output>;

async function checkHasPendingTiles(executionId: string, deps: ToolDeps): Promise<void> {
  const document = await readFindings(executionId, deps);
  if (document && document.tiles.failed.length + document.tiles.not_analyzed.length > 0) return;
  const { status, phase } = await deps.progress.current(executionId);
  if (status === 'RUNNING') {
    throw new UserError(
      `Execution ${executionId} is still running, in phase ${phase}. Wait with get_execution, or end it with cancel_execution.`,
    );
  }
  if (!document && (await hasTileResults(executionId, deps.blobs))) return;
  if (!document) {
    throw new UserError(
      `Execution ${executionId} ended as ${status} before it analyzed any tile. Start another analysis with analyze_image.`,
    );
  }
  throw new UserError(
    `Execution ${executionId} has no tiles to retry: each of the ${document.tiles.total} was analyzed or blank. Call list_findings for its findings.`,
  );
}
