// Step 1: from the image's header to the plan. Decodes nothing.
import type { AnalysisRequest } from '../contract/schemas.ts';
import { readHeader } from '../imaging/image-file.ts';
import { checkRows, checkScratch } from '../imaging/limit-checks.ts';
import { tileCount } from '../planning/grid.ts';
import type { Inspected } from '../planning/inspected.ts';
import { planTiles } from '../planning/plan.ts';
import { checkOperations } from '../planning/shards.ts';
import { preferredTileOf } from '../planning/tile-preferences.ts';
import type { PipelineDeps } from '../ports.ts';
import type { ImageInHand } from './source-image.ts';

/** Throws a UserError when the file is no image, too large, or does not fit the wishes. */
export async function inspect(request: AnalysisRequest, image: ImageInHand, deps: PipelineDeps): Promise<Inspected> {
  const startedAt = deps.clock.now().toISOString();
  const { format, notes, ...size } = await readHeader(await image.file());
  const plan = planTiles(size, request.plan, preferredTileOf(request.models.detection), deps.limits.tilesMax);
  checkOperations(tileCount(plan), request);
  checkRows(plan, deps.limits.image);
  await checkScratch(plan, deps.scratchFolder, deps.limits.image);
  return { format, plan: { ...plan, notes: [...notes, ...plan.notes] }, startedAt };
}
