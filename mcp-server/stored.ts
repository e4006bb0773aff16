// What an execution has stored, for the tools that read it.
import { FindingsDocument } from '../pipeline/core/contract.ts';
import { UserError } from '../pipeline/core/errors.ts';
import { keys } from '../pipeline/core/keys.ts';
import { StoredPlan } from '../pipeline/core/stored-plan.ts';
import type { ToolDeps } from './deps.ts';
import { readProgress } from './execution-view.ts';

/** Null when there is none: the execution is unknown, runs, or ended without. */
export async function readFindings(executionId: string, { blobs }: Pick<ToolDeps, 'blobs'>): Promise<FindingsDocument | null> {
  const bytes = await blobs.get(keys.findings(executionId));
  return bytes && FindingsDocument.parse(JSON.parse(Buffer.from(bytes).toString()));
}

/** Throws a UserError when the execution is unknown or has not cut its picture yet. */
export async function readPlan(executionId: string, deps: ToolDeps): Promise<StoredPlan> {
  const bytes = await deps.blobs.get(keys.plan(executionId));
  if (bytes) return StoredPlan.parse(JSON.parse(Buffer.from(bytes).toString()));
  const { status, phase } = await readProgress(executionId, deps);
  const state = status === 'RUNNING' ? `is in phase ${phase}` : `ended as ${status}`;
  throw new UserError(
    `Expected an execution whose picture has been cut into tiles, got one that ${state}. ` +
      (status === 'RUNNING' ? 'Call get_execution with wait_seconds 20, then try again.' : 'Start another with analyze_image.'),
  );
}
