// Starts an execution, and records who did. Kept apart from the request: the same request of another caller is the same execution.
import { z } from 'zod';
import { keys } from '../../pipeline/contract/keys.ts';
import type { AnalysisRequest } from '../../pipeline/contract/schemas.ts';
import type { ToolDeps } from '../access/deps.ts';

const StartedBy = z.object({ principal: z.string(), at: z.string() });

export async function startExecution(
  request: AnalysisRequest,
  { launcher, blobs, caller, clock }: ToolDeps,
): Promise<{ created: boolean }> {
  const { created } = await launcher.start(request);
  if (created && caller) {
    const record: z.infer<typeof StartedBy> = { principal: caller.name, at: clock.now().toISOString() };
    await blobs.putNew(keys.startedBy(request.execution_id), Buffer.from(JSON.stringify(record)));
  }
  return { created };
}

/** The name of the principal that started it; null where callers are not known. */
export async function starterOf(executionId: string, { blobs }: Pick<ToolDeps, 'blobs'>): Promise<string | null> {
  const bytes = await blobs.get(keys.startedBy(executionId));
  return bytes && StartedBy.parse(JSON.parse(Buffer.from(bytes).toString())).principal;
}
