// Step 4, once a tile: a ranged read of a ready JPEG → every detection model in turn → validated detections.

import { keys } from '../contract/keys.ts';
import type { AnalysisRequest, Detection } from '../contract/schemas.ts';
import { NO_USAGE, totalUsage } from '../contract/usage.ts';
import { isBlank } from '../imaging/blank-tile.ts';
import { cachedSzi } from '../imaging/szi/szi.ts';
import { clippedTo } from '../planning/geometry.ts';
import type { PlannedTile } from '../planning/grid.ts';
import type { Plan } from '../planning/plan.ts';
import { AnalyzedTile, type TileStepResult } from '../planning/tile-result.ts';
import type { PipelineDeps } from '../ports.ts';
import type { Stopping } from './cancellation.ts';

/** What one shard looks with. `pyramidOf`: the execution that cut the image. */
export interface Looking {
  request: AnalysisRequest;
  plan: Plan;
  pyramidOf: string;
  stopping: Stopping;
  deps: PipelineDeps;
}

/** Once stopping has begun, nothing more is looked at. */
export async function detect({ request, plan, pyramidOf, stopping, deps }: Looking, tile: PlannedTile): Promise<TileStepResult> {
  const stop = stopping.reason();
  if (stop) return { unseen: stop };
  deps.log.debug({ execution: request.execution_id, tile: tile.name }, 'Looking at a tile.');
  const szi = await cachedSzi(deps.blobs, keys.pyramid(pyramidOf), plan);
  const [, , width, height] = tile.boxInLevel;
  const jpeg = { bytes: await szi.readTile(tile.level, tile.row, tile.column), width, height };
  const blank = request.plan.skip_blank && (await isBlank(jpeg));
  const looked: AnalyzedTile = { blank, detections: [], usage: NO_USAGE, clipped: 0, notes: [] };
  if (blank) return looked;
  for (const model of request.models.detection) {
    const beganMs = deps.clock.now().getTime();
    const answer = await deps.vision.detect(model, jpeg, request.ask);
    deps.metrics?.add('LookMs', deps.clock.now().getTime() - beganMs);
    looked.detections.push(
      ...AnalyzedTile.shape.detections.parse(answer.detections).flatMap((detection) => insideTile(detection, width, height)),
    );
    looked.usage = totalUsage([looked.usage, answer.usage]);
    looked.clipped += answer.clipped;
    looked.notes.push(...answer.notes);
  }
  return looked;
}

/** Whole pixels are fine enough for a finding, and a third of the checkpoint. */
function insideTile(detection: Detection, width: number, height: number): Detection[] {
  const [left, top, boxWidth, boxHeight] = detection.box.map(Math.round) as Detection['box'];
  const box = clippedTo([left, top, boxWidth, boxHeight], width, height);
  return box ? [{ ...detection, score: Math.round(detection.score * 1_000) / 1_000, box }] : [];
}
