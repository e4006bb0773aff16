// Step 1 of a retry: what an earlier execution left unseen, and where its looks are.
import { z } from 'zod';
import { UserError } from '../contract/errors.ts';
import { keys } from '../contract/keys.ts';
import type { AnalysisRequest } from '../contract/schemas.ts';
import { Inspected } from '../planning/inspected.ts';
import { StoredPlan } from '../planning/stored-plan.ts';
import type { PipelineDeps } from '../ports.ts';
import { readMerged } from './merge-detections.ts';

export const TakenUp = z.object({
  inspected: Inspected,
  /** Indexes of the tiles to look at, ascending. */
  todo: z.array(z.number().int()),
  /** Keys of looks of earlier executions, the earliest first. */
  sources: z.array(z.string()),
});
export type TakenUp = z.infer<typeof TakenUp>;

export async function takeUp(
  request: AnalysisRequest,
  { execution_id }: { execution_id: string },
  deps: PipelineDeps,
): Promise<TakenUp> {
  const [stored, merged] = await Promise.all([deps.blobs.get(keys.plan(execution_id)), readMerged(execution_id, deps)]);
  if (!stored || !merged) {
    throw new UserError(
      `Expected an execution that has looked at tiles, got ${execution_id}. Start a new one with analyze_image.`,
    );
  }
  const { plan, format, pyramid_of } = StoredPlan.parse(JSON.parse(Buffer.from(stored).toString()));
  const ours: StoredPlan = { request, plan, format, pyramid_of };
  await deps.blobs.put(keys.plan(request.execution_id), Buffer.from(JSON.stringify(ours)));
  const startedAt = deps.clock.now().toISOString();
  const todo = merged.tiles.failed.map(({ tile }) => tile).sort((a, b) => a - b);
  return { inspected: { format, plan, startedAt }, todo, sources: merged.sources };
}
