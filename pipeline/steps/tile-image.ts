// Step 3: decodes the image once, and stores its pyramid, its overview and the plan. Stores nothing unless the whole pass succeeds.
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { keys } from '../contract/keys.ts';
import type { AnalysisRequest } from '../contract/schemas.ts';
import { documents, writeDocument } from '../documents.ts';
import { BLANK_OVERVIEW } from '../findings/rules-summary.ts';
import { isBlank } from '../imaging/blank-tile.ts';
import { overviewOf } from '../imaging/cut-out.ts';
import { writePyramid } from '../imaging/pyramid.ts';
import { fileSource, openSzi } from '../imaging/szi/szi.ts';
import type { Inspected } from '../planning/inspected.ts';
import { withNotes } from '../planning/plan.ts';
import type { PipelineDeps } from '../ports.ts';
import type { SourceImage } from './source-image.ts';

export interface TiledImage {
  bytes: number;
  /** How the samples of the image were understood. Missing in results of version 0.1. */
  notes?: string[];
}

export async function tileImage(
  request: AnalysisRequest,
  { plan, format }: Pick<Inspected, 'plan' | 'format'>,
  image: SourceImage,
  deps: PipelineDeps,
): Promise<TiledImage> {
  const { execution_id } = request;
  const folder = await mkdtemp(join(deps.scratchFolder, 'tile-'));
  try {
    const path = join(folder, 'pyramid.szi');
    const notes = await writePyramid(await image.file(), path, plan);
    await image.release();
    const overview = await overviewOf(await openSzi(await fileSource(path), plan), plan);
    if (!request.plan.skip_blank && (await isBlank(overview))) notes.push(BLANK_OVERVIEW);
    const { size } = await stat(path);
    await deps.blobs.put(keys.overview(execution_id), overview.bytes);
    await writeDocument(
      documents.plan(execution_id),
      { request, plan: withNotes(plan, notes), format, pyramid_of: execution_id },
      deps.blobs,
    );
    await deps.blobs.putFile(keys.pyramid(execution_id), path);
    return { bytes: size, notes };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
