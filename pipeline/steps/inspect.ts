// Step 1: from the picture's header to the plan. Decodes nothing.
import { z } from 'zod';
import type { AnalysisRequest } from '../core/contract.ts';
import { tileWishOf } from '../core/detection-models.ts';
import { Plan, planTiles, tileCount } from '../core/plan.ts';
import { checkOperations } from '../core/shards.ts';
import { checkRows, checkScratch } from '../imaging/limit-checks.ts';
import { readHeader } from '../imaging/picture.ts';
import type { PipelineDeps } from '../ports.ts';
import type { PictureInHand } from './picture-in-hand.ts';

export const Inspected = z.object({
  format: z.string(),
  plan: Plan,
  /** ISO 8601; taken here, inside a step, so that a resumed execution keeps it. */
  startedAt: z.string(),
});
export type Inspected = z.infer<typeof Inspected>;

/** Throws a UserError when the file is no picture, too large, or does not fit the wishes. */
export async function inspect(request: AnalysisRequest, picture: PictureInHand, deps: PipelineDeps): Promise<Inspected> {
  const startedAt = deps.clock.now().toISOString();
  const { format, notes, ...size } = await readHeader(await picture.file());
  const plan = planTiles(size, request.plan, tileWishOf(request.models.detection), deps.limits.tilesMax);
  checkOperations(tileCount(plan), request);
  checkRows(plan, deps.limits.picture);
  await checkScratch(plan, deps.scratchFolder, deps.limits.picture);
  return { format, plan: { ...plan, notes: [...notes, ...plan.notes] }, startedAt };
}
