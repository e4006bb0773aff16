// A turn of a search, second half: shows a region of the image, and runs detectors over its tiles if the model asked for them.
import { AnswerError } from '../../contract/errors.ts';
import { keys } from '../../contract/keys.ts';
import type { Look, Seen } from '../../contract/questions/search-turn.ts';
import type { AnalysisRequest, Ask, Box, Finding, Usage } from '../../contract/schemas.ts';
import { NO_USAGE, totalUsage } from '../../contract/usage.ts';
import { storedView } from '../../imaging/views/stored-view.ts';
import { mergeDetections } from '../../merging/merge.ts';
import { intersectionOf } from '../../planning/geometry.ts';
import { levelsOf, type PlannedTile, type TileGrid, tileCount, tilesOf } from '../../planning/grid.ts';
import type { Plan } from '../../planning/plan.ts';
import { pyramidOf } from '../../planning/stored-plan.ts';
import type { EndedTile } from '../../planning/tile-result.ts';
import type { PipelineDeps } from '../../ports.ts';
import { paceMeter } from '../../progress/pace-meter.ts';
import { readLines } from '../../progress/read-lines.ts';
import { isLocal } from '../../providers/prices.ts';
import type { WantedLook } from '../../searching/next-move.ts';
import { watchCancellation } from '../cancellation.ts';
import { type DetectionRun, detectInTile } from '../detect-tile.ts';

/** What language models see without shrinking it: docs.claude.com, "Vision". */
const LOOK_EDGE_MAX_PX = 1_568;
const LOOK_PIXELS_MAX = 1_150_000;
/** Tiles of one detection: with local models, half a minute on two cores. */
const TILES_MAX = 40;
/** A call each. */
const TILES_OF_LANGUAGE_MODEL_MAX = 8;
/** What a model can use, at about 30 tokens each. */
const SEEN_MAX = 40;

export async function lookCloser(
  request: AnalysisRequest,
  plan: Plan,
  wanted: WantedLook & { number: number; leftUsd: number | null },
  deps: PipelineDeps,
): Promise<Look> {
  const { tool, box, what, number, leftUsd } = wanted;
  const options = { pixelsMax: LOOK_PIXELS_MAX, edgePxMax: LOOK_EDGE_MAX_PX, turn: 0, contrast: false, grid: false } as const;
  const view = await storedView(pyramidOf(request), plan, { ...options, boxes: [box], findings: [] }, deps.blobs);
  const key = keys.lookImage(request.execution_id, number);
  await deps.blobs.put(key, view.bytes);
  const { width, height } = view;
  const ask = tool === 'zoom' ? null : askOf(tool, what);
  const found = ask && (await detectIn(request, plan, box, { ask, leftUsd }, deps));
  return {
    number,
    tool,
    box,
    width,
    height,
    key,
    what,
    seen: found && found.findings.slice(0, SEEN_MAX).map(seenOf),
    seen_total: found ? found.findings.length : 0,
    usage: found ? found.usage : NO_USAGE,
    notes: found ? [...found.notes, ...missingNote(found.missing, number)] : [],
  };
}

function missingNote(missing: number, look: number): string[] {
  if (missing === 0) return [];
  return [`In look ${look}, ${missing === 1 ? '1 tile was' : `${missing} tiles were`} not analyzed.`];
}

function askOf(tool: 'find' | 'read', what: string | null): Ask {
  return tool === 'read' ? { look_for: null, labels: ['text'] } : { look_for: what, labels: [] };
}

function seenOf({ label, text, score, box }: Finding): Seen {
  return { label, text, score: Math.round(score * 100) / 100, box };
}

interface Detecting {
  ask: Ask;
  leftUsd: number | null;
}

interface Detected {
  findings: Finding[];
  usage: Usage;
  notes: string[];
  /** Tiles without a usable answer. */
  missing: number;
}

/** At the finest level at which the region has few enough tiles. `leftUsd` may be spent; `null` for no limit. */
async function detectIn(
  request: AnalysisRequest,
  plan: Plan,
  box: Box,
  { ask, leftUsd }: Detecting,
  deps: PipelineDeps,
): Promise<Detected> {
  const grid = gridOf(plan, box, request.models.detection.every(isLocal) ? TILES_MAX : TILES_OF_LANGUAGE_MODEL_MAX);
  const ended: { tile: PlannedTile; result: EndedTile }[] = [];
  const usageOf = () => totalUsage(ended.map(({ result }) => ('usage' in result ? result.usage : NO_USAGE)));
  const run: DetectionRun = {
    request: { ...request, ask },
    plan,
    pyramidOf: pyramidOf(request),
    cancellation: watchCancellation(request.execution_id, leftUsd, () => usageOf().cost_usd ?? 0, deps),
    pace: paceMeter(deps),
    readLines: readLines(plan),
    deps,
  };
  const tiles = tilesOf(grid).values();
  const work = async () => {
    for (const tile of tiles) {
      const result = await detectInTile(run, tile, { tile: tile.name, model: null }).catch((error: unknown): EndedTile => {
        if (!(error instanceof AnswerError)) throw error;
        return { unusable: error.message, usage: error.paid };
      });
      ended.push({ tile, result });
    }
  };
  await Promise.all(Array.from({ length: deps.limits.tileConcurrency }, work));
  ended.sort((a, b) => a.tile.index - b.tile.index); // the order in which they ended does not count
  const detected = ended.flatMap(({ tile, result }) => ('detections' in result ? [{ tile, detections: result.detections }] : []));
  const missing = ended.flatMap(({ tile, result }) => ('detections' in result ? [] : tile.index));
  const { findings } = mergeDetections(detected, grid, missing);
  const notes = new Set(ended.flatMap(({ result }) => ('notes' in result ? result.notes : [])));
  return {
    findings: findings.filter((finding) => intersectionOf(finding.box, box) > 0),
    usage: usageOf(),
    notes: [...notes].sort(),
    missing: missing.length,
  };
}

function gridOf(plan: Plan, region: Box, tilesMax: number): TileGrid {
  const { width, height, stridePx, marginPx, pyramidLevel } = plan;
  const all = levelsOf({ width, height }, stridePx, marginPx);
  const grids = all.slice(pyramidLevel).map((level) => ({ width, height, stridePx, marginPx, levels: [level], region }));
  const fitting = grids.find((grid) => tileCount(grid) <= tilesMax) ?? grids.at(-1);
  if (!fitting) throw new Error('Expected a level of the pyramid.');
  return fitting;
}
