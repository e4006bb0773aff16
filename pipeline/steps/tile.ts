// Step 3: one decode pass from the picture to one SZI object. Nothing is published unless the whole pass succeeded.
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { AnalysisRequest } from '../core/contract.ts';
import { keys } from '../core/keys.ts';
import type { Plan } from '../core/plan.ts';
import { writePyramid } from '../imaging/pyramid.ts';
import type { PipelineDeps } from '../ports.ts';
import { withPicture } from './with-picture.ts';

export async function tile(request: AnalysisRequest, plan: Plan, deps: PipelineDeps): Promise<{ bytes: number }> {
  const folder = await mkdtemp(join(deps.scratchFolder, 'tile-'));
  try {
    const szi = join(folder, 'pyramid.szi');
    await withPicture(request, deps, (path) => writePyramid(path, szi, plan, deps.limits.pixelsMax));
    const { size } = await stat(szi);
    await deps.blobs.putFile(keys.pyramid(request.execution_id), szi);
    return { bytes: size };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
