// Step 3: decodes the image once, and stores its pyramid, its overview and the plan. Stores nothing unless the whole pass succeeds.
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { keys } from '../contract/keys.ts';
import type { AnalysisRequest } from '../contract/schemas.ts';
import { documents, writeDocument } from '../documents.ts';
import { overviewOf } from '../imaging/cut-out.ts';
import { writePyramid } from '../imaging/pyramid.ts';
import { fileSource, openSzi } from '../imaging/szi/szi.ts';
import type { Inspected } from '../planning/inspected.ts';
import type { PipelineDeps } from '../ports.ts';
import type { SourceImage } from './source-image.ts';

export async function tileImage(
  request: AnalysisRequest,
  { plan, format }: Pick<Inspected, 'plan' | 'format'>,
  image: SourceImage,
  deps: PipelineDeps,
): Promise<{ bytes: number }> {
  const { execution_id } = request;
  const folder = await mkdtemp(join(deps.scratchFolder, 'tile-'));
  try {
    const path = join(folder, 'pyramid.szi');
    await writePyramid(await image.file(), path, plan);
    await image.release();
    const overview = await overviewOf(await openSzi(await fileSource(path), plan), plan);
    const { size } = await stat(path);
    await deps.blobs.put(keys.overview(execution_id), overview.bytes);
    await writeDocument(documents.plan(execution_id), { request, plan, format, pyramid_of: execution_id }, deps.blobs);
    await deps.blobs.putFile(keys.pyramid(execution_id), path);
    return { bytes: size };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
