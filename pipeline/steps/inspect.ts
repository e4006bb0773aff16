// Step 1: from the picture's header to the plan. Decodes nothing.
import type { AnalysisRequest } from '../core/contract.ts';
import { tileWishOf } from '../core/detection-models.ts';
import { type Plan, planTiles } from '../core/plan.ts';
import { checkRows } from '../imaging/limit-checks.ts';
import { readHeader } from '../imaging/picture.ts';
import type { PipelineDeps } from '../ports.ts';
import { withPicture } from './with-picture.ts';

export interface Inspected {
  format: string;
  plan: Plan;
  /** ISO 8601; taken here, inside a step, so that a resumed execution keeps it. */
  startedAt: string;
}

/** Throws a UserError when the file is no picture, too large, or does not fit the wishes. */
export async function inspect(request: AnalysisRequest, deps: PipelineDeps): Promise<Inspected> {
  const startedAt = deps.clock.now().toISOString();
  const header = await withPicture(request, deps, (path) => readHeader(path, deps.limits.pixelsMax));
  const { format, notes, ...size } = header;
  const plan = planTiles(size, request.plan, tileWishOf(request.models.detection));
  checkRows(plan);
  return { format, plan: { ...plan, notes: [...notes, ...plan.notes] }, startedAt };
}
