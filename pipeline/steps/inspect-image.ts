// Step 1: reads the header of the image, plans its tiles and divides them into shards. Decodes nothing.
import type { AnalysisRequest } from '../contract/schemas.ts';
import { readHeaderInTime } from '../imaging/decoding/header-reader.ts';
import { checkRows, checkScratch } from '../imaging/limit-checks.ts';
import { tileCount } from '../planning/grid.ts';
import type { Inspected } from '../planning/inspected.ts';
import { planTiles } from '../planning/plan.ts';
import { checkOperations, shardsOf, shardTilesMaxOf } from '../planning/shards.ts';
import { preferredTileOf } from '../planning/tile-preferences.ts';
import type { PipelineDeps } from '../ports.ts';
import { capableModels } from '../providers/local-labels.ts';
import type { SourceImage } from './source-image.ts';

/** Throws a UserError if the file is not an image, is too large, or cannot be analyzed as requested. */
export async function inspectImage(request: AnalysisRequest, image: SourceImage, deps: PipelineDeps): Promise<Inspected> {
  const startedAt = deps.clock.now().toISOString();
  const { format, notes, temporaryBytes, ...size } = await readHeaderInTime(await image.file());
  const preferred = preferredTileOf(capableModels(request), request.detectors);
  const plan = planTiles(size, request.plan, preferred, deps.limits.tilesMax);
  const tiles = tileCount(plan);
  checkOperations(tiles, request);
  checkRows(plan, deps.limits.image);
  await checkScratch(plan, deps.scratchFolder, deps.limits.image, temporaryBytes);
  return {
    format,
    // A look and a question have no analysis that could be coarse.
    plan: { ...plan, notes: request.purpose ? notes : [...notes, ...plan.notes] },
    startedAt,
    shards: shardsOf(tiles, shardTilesMaxOf(request, deps.limits.shardTilesMax)),
    imageVersion: await image.version(),
  };
}
