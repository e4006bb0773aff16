// Reads the stored tile results of executions, one shard at a time, and merges them into findings. Also those of an execution that was
// stopped before it merged anything: of its shards that ended, and of those that it was analyzing.
import { keys } from '../contract/keys.ts';
import { type AnalysisRequest, type FailedTile, MIN_SCORE_DEFAULT, type ModelId } from '../contract/schemas.ts';
import { documents, readDocument, readExisting } from '../documents.ts';
import { agreementNotes } from '../findings/level-agreement.ts';
import type { Merged } from '../findings/merged.ts';
import { mergeDetections } from '../merging/merge.ts';
import type { TileDetections } from '../merging/table-of-tiles.ts';
import { tileCount, tilesBetween } from '../planning/grid.ts';
import type { Plan } from '../planning/plan.ts';
import type { StoredPlan } from '../planning/stored-plan.ts';
import { notAnalyzed, type TileResult } from '../planning/tile-result.ts';
import type { Blobs } from '../ports.ts';
import { isBuiltInDetector } from '../providers/local-labels.ts';
import { stepDocuments } from '../step-documents.ts';

/** Shards of one execution: 100,000 tiles are 118. */
const SHARDS_LISTED_MAX = 1_000;

interface CollectedTiles {
  /** Tiles with detections, ascending. */
  detected: TileDetections[];
  /** Ascending. */
  failed: FailedTile[];
  /** Tiles that were never started. Ascending. */
  not_analyzed: FailedTile[];
  done: number;
  blank: number;
  clipped: number;
  unreadable: number;
  notes: string[];
}

/** Stands for the result of a tile without one. */
const LOST = { reason: 'The result of this tile was lost.', stop: null } as const;
const NOT_REACHED = { reason: 'Not analyzed: the analysis ended first.', stop: 'cancelled' } as const;

/**
 * The latest result of every tile: `without` counts before the documents at `sources`, the last of which is the latest. Of 100,000
 * tiles, only those with detections stay in memory.
 */
export async function collectTileResults(
  plan: Plan,
  sources: readonly string[],
  without: ReadonlyMap<number, TileResult>,
  { blobs }: { blobs: Pick<Blobs, 'get'> },
  missing: typeof LOST | typeof NOT_REACHED = LOST,
): Promise<CollectedTiles> {
  const counted = new Uint8Array(tileCount(plan));
  const counts = { done: 0, blank: 0, clipped: 0, unreadable: 0 };
  const collected: CollectedTiles = { ...counts, detected: [], failed: [], not_analyzed: [], notes: [] };
  const notes = new Set<string>();
  const add = (index: number, result: TileResult) => {
    if (counted[index] !== 0) return;
    counted[index] = 1;
    if ('failed' in result) {
      collected[result.stop === null ? 'failed' : 'not_analyzed'].push(result.failed);
      return;
    }
    collected[result.blank ? 'blank' : 'done']++;
    collected.clipped += result.clipped;
    collected.unreadable += result.unreadable ?? 0;
    for (const note of result.notes) notes.add(note);
    const [tile] = result.detections.length > 0 ? tilesBetween(plan, index, index + 1) : [];
    if (tile) collected.detected.push({ tile, detections: result.detections });
  };
  for (const [index, result] of without) add(index, result);
  // The first result of a tile counts: the latest come first.
  for (const key of sources.toReversed()) {
    for (const { tile, outcome } of await readExisting(stepDocuments.tileResults(key), blobs)) add(tile, outcome);
  }
  // A tile without any result is reported, never silently empty.
  for (let index = counted.indexOf(0); index !== -1; index = counted.indexOf(0, index + 1)) {
    for (const tile of tilesBetween(plan, index, index + 1)) add(index, notAnalyzed(tile, missing.reason, missing.stop));
  }
  collected.detected.sort((a, b) => a.tile.index - b.tile.index);
  for (const tiles of [collected.failed, collected.not_analyzed]) tiles.sort((a, b) => a.tile - b.tile);
  return { ...collected, notes: [...notes].sort() };
}

export function mergeCollected(
  plan: Plan,
  { ask, models, detectors = [] }: Pick<AnalysisRequest, 'ask' | 'models' | 'detectors'>,
  collected: CollectedTiles,
): Omit<Merged, 'usage' | 'stopped' | 'sources'> {
  const { done, blank, failed, not_analyzed, clipped, unreadable, notes } = collected;
  const readsText = (model: ModelId) => detectors.some((detector) => detector.model === model && detector.reads_text);
  const missing = [...failed, ...not_analyzed].map(({ tile }) => tile);
  const { findings, lowConfidence } = mergeDetections(collected.detected, plan, missing, {
    minScore: ask.min_score ?? MIN_SCORE_DEFAULT,
    keepsLabels: models.judge !== undefined,
    rescoresThingsOnText: models.detection.every((model) => isBuiltInDetector(model) || readsText(model)),
  });
  const tiles = { total: tileCount(plan), done, blank, failed, not_analyzed };
  return {
    findings,
    unsure: lowConfidence,
    tiles,
    clipped,
    unreadable,
    notes: [...notes, ...agreementNotes(collected.detected, models.detection)],
  };
}

/** What an execution that ended without merging anything has analyzed. */
export interface MergedSoFar {
  stored: StoredPlan;
  merged: Omit<Merged, 'usage' | 'stopped'>;
}

/** `null` if the execution has stored the result of no tile. An execution that still runs may store more. */
export async function mergeSoFar(
  executionId: string,
  { blobs }: { blobs: Pick<Blobs, 'get' | 'list'> },
): Promise<MergedSoFar | null> {
  const stored = await readDocument(documents.plan(executionId), blobs);
  const own = stored ? await ownTileResults(executionId, blobs) : [];
  if (!stored || own.length === 0) return null;
  const { plan, request } = stored;
  const sources = [...(request.retry_of ? await sourcesOf(request.retry_of.execution_id, blobs) : []), ...own];
  const collected = await collectTileResults(plan, sources, new Map(), { blobs }, NOT_REACHED);
  return { stored, merged: { ...mergeCollected(plan, request, collected), sources } };
}

/** The tile results on which a retry of the execution builds. */
async function sourcesOf(executionId: string, blobs: Pick<Blobs, 'get' | 'list'>): Promise<string[]> {
  const merged = await readDocument(stepDocuments.merged(executionId), blobs);
  return merged?.sources ?? (await mergeSoFar(executionId, { blobs }))?.merged.sources ?? [];
}

/** Those of ended shards last: they are complete. */
async function ownTileResults(executionId: string, blobs: Pick<Blobs, 'list'>): Promise<string[]> {
  const folders = [keys.tileResultsSoFarFolder(executionId), keys.tileResultsFolder(executionId)];
  const found = await Promise.all(folders.map((folder) => blobs.list(folder, { limit: SHARDS_LISTED_MAX })));
  return found.flat();
}
