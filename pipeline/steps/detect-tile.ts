// Step 4, once for each tile: reads the stored JPEG of the tile, calls every detection model and validates what they report. The
// agent is no model that can be called: agent-detection.ts.
import { withPaid } from '../contract/errors.ts';
import { keys } from '../contract/keys.ts';
import type { AnalysisRequest, Detection, ModelId } from '../contract/schemas.ts';
import { NO_USAGE, totalUsage } from '../contract/usage.ts';
import { recordsModels } from '../findings/disputes.ts';
import { isBlank } from '../imaging/blank-tile.ts';
import { cachedSzi, forgetSzi } from '../imaging/szi/szi.ts';
import { clippedTo } from '../planning/geometry.ts';
import type { PlannedTile } from '../planning/grid.ts';
import type { Plan } from '../planning/plan.ts';
import { AnalyzedTile, type EndedTile } from '../planning/tile-result.ts';
import type { MayContinue, PipelineDeps } from '../ports.ts';
import type { PaceMeter } from '../progress/pace-meter.ts';
import type { ReadLines } from '../progress/read-lines.ts';
import { isAgent } from '../providers/agent-model.ts';
import type { Cancellation } from './cancellation.ts';

/** What all tiles of a shard have in common. */
export interface DetectionRun {
  request: AnalysisRequest;
  plan: Plan;
  /** The execution that holds the pyramid. */
  pyramidOf: string;
  cancellation: Cancellation;
  pace: PaceMeter;
  readLines: ReadLines;
  deps: PipelineDeps;
}

/** What a log line about a tile has. */
export interface TileFacts {
  tile: string;
  /** The model that was called last; `null` before the first call. */
  model: ModelId | null;
}

/**
 * At the begin of an invocation. The process may have served an earlier execution of the same id, which was deleted: its tiles would be
 * analyzed again.
 */
export function forgetTiles(pyramidOf: string): void {
  forgetSzi(keys.pyramid(pyramidOf));
}

/** Writes into `facts` which model it calls. Calls no model once the execution must stop, or if the tile is blank. */
export async function detectInTile(run: DetectionRun, tile: PlannedTile, facts: TileFacts): Promise<EndedTile> {
  const { request, plan, pyramidOf, cancellation, pace, readLines, deps } = run;
  const stop = cancellation.reason();
  if (stop) return { unseen: stop };
  deps.log.debug({ execution: request.execution_id, tile: tile.name }, 'Analyzing a tile.');
  const szi = await cachedSzi(deps.blobs, keys.pyramid(pyramidOf), plan);
  const [, , width, height] = tile.boxInLevel;
  const jpeg = { bytes: await szi.readTile(tile.level, tile.row, tile.column), width, height };
  const blank = request.plan.skip_blank && (await isBlank(jpeg));
  const result: AnalyzedTile = { blank, detections: [], usage: NO_USAGE, clipped: 0, notes: [] };
  if (blank) return result;
  const recordsModel = recordsModels(request.models);
  for (const model of request.models.detection.filter((model) => !isAgent(model))) {
    facts.model = model;
    const beganMs = deps.clock.now().getTime();
    const mayContinue: MayContinue = (usage) => cancellation.reason(totalUsage([result.usage, usage]).cost_usd ?? 0) === null;
    const known = { ...jpeg, readLines: readLines.of(model, tile) };
    const answer = await deps.vision.detect(model, known, request.ask, mayContinue).catch((error: unknown) => {
      throw withPaid(error, result.usage);
    });
    const tookMs = deps.clock.now().getTime() - beganMs;
    deps.metrics?.add('LookMs', tookMs);
    pace.add(model, tookMs);
    const detections = AnalyzedTile.shape.detections.parse(answer.detections);
    const inside = detections.flatMap((detection) => insideTile(detection, width, height));
    readLines.add(model, tile, inside);
    result.detections.push(...(recordsModel ? inside.map((detection) => ({ ...detection, model })) : inside));
    result.usage = totalUsage([result.usage, answer.usage]);
    result.clipped += answer.clipped;
    if (answer.unreadable) result.unreadable = (result.unreadable ?? 0) + answer.unreadable;
    result.notes.push(...answer.notes, ...replacedNotes(request, model, answer.version));
  }
  return result;
}

/** The version is that of the request, unless the detector was corrected or replaced since. */
function replacedNotes({ detectors }: AnalysisRequest, model: ModelId, version: string | undefined): string[] {
  const asked = detectors?.find((detector) => detector.model === model);
  if (!asked || version === undefined || asked.version === version) return [];
  return [`${model} was corrected or replaced after the analysis was started: some tiles were analyzed by the new version.`];
}

/** Rounded to whole pixels, which are fine enough for a finding and take a third of the checkpoint. Empty outside of the tile. */
function insideTile(detection: Detection, width: number, height: number): Detection[] {
  const [left, top, boxWidth, boxHeight] = detection.box;
  const rounded: Detection['box'] = [Math.round(left), Math.round(top), Math.round(boxWidth), Math.round(boxHeight)];
  const box = clippedTo(rounded, width, height);
  if (!box) return [];
  const { polygon, angle, ...rest } = detection;
  const inside: Detection = { ...rest, score: Math.round(detection.score * 1_000) / 1_000, box };
  if (!polygon) return [inside];
  // The corners of an oriented box stay outside of the tile: moved inside, they would be no rectangle.
  if (angle !== undefined)
    return [{ ...inside, polygon: polygon.map(([x, y]) => [tenths(x), tenths(y)]), angle: wholeTurn(tenths(angle)) }];
  const clamped = (value: number, end: number) => Math.round(Math.min(Math.max(value, 0), end));
  return [{ ...inside, polygon: polygon.map(([x, y]) => [clamped(x, width), clamped(y, height)]) }];
}

/** Rounding may give the lower end of the range, which is the same direction as the upper one. */
function wholeTurn(angle: number): number {
  return angle <= -180 ? angle + 360 : angle;
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
