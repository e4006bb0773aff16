// Builds findings.json, which people download, from the results of the steps. Pure.
import {
  type AnalysisRequest,
  type FailedTile,
  type Finding,
  type FindingsDocument,
  MIN_SCORE_DEFAULT,
  MIN_SCORE_MIN,
  type Status,
  type Usage,
} from '../contract/schemas.ts';
import type { Plan } from '../planning/plan.ts';
import type { Stop } from '../planning/shards.ts';

interface CountedTiles {
  /** Why not all tiles were analyzed; `null` if all were. */
  stopped: Stop | null;
  done: number;
  blank: number;
  failed: FailedTile[];
  /** Tiles that were never started. */
  not_analyzed: FailedTile[];
}

export interface AnalysisResult extends CountedTiles {
  findings: Finding[];
  /** How many detections had too low a confidence to become a finding. */
  unsure: number;
  /** Boxes that reached out of their tile. */
  clipped: number;
  /** Entries of answers without a label or a box. Missing in documents of version 0.1. */
  unreadable?: number | undefined;
  usage: Usage;
  notes: string[];
}

/** PARTIAL if tiles are missing. FAILED if every tile failed that was not blank, unless the analysis was stopped early. */
export function statusOf({ done, failed, not_analyzed, stopped }: AnalysisResult): Status {
  if (stopped === 'cancelled') return 'CANCELLED';
  if (failed.length + not_analyzed.length === 0) return 'SUCCEEDED';
  return done === 0 && stopped === null ? 'FAILED' : 'PARTIAL';
}

/** Why the status is not SUCCEEDED; `null` if it is. */
export function reasonOf({ done, blank, failed, not_analyzed, stopped }: CountedTiles): string | null {
  const [first] = failed.length > 0 ? failed : not_analyzed;
  if (!first) return null;
  const total = done + blank + failed.length + not_analyzed.length;
  const analyzed = `after ${done + blank} of ${total} tiles`;
  if (stopped === 'cancelled') return `The analysis was cancelled ${analyzed}. Their findings are kept.`;
  if (stopped === 'budget')
    return `The budget of the request was spent ${analyzed}. Call retry_failed_tiles to analyze the rest.`;
  return `${failed.length} of ${total} tiles failed. Reason of the first: ${first.reason}`;
}

export function findingsDocument(
  request: AnalysisRequest,
  inspected: { format: string; plan: Plan },
  result: AnalysisResult,
  summary: string,
): FindingsDocument {
  const { width, height, notes } = inspected.plan;
  const { done, blank, failed, not_analyzed } = result;
  const { execution_id, image, ask, plan, models } = request;
  return {
    execution_id,
    status: statusOf(result),
    image: { uri: image.uri, width, height, format: inspected.format, version: image.version },
    request: { ask, plan },
    models,
    tiles: { total: done + blank + failed.length + not_analyzed.length, done, blank, failed, not_analyzed },
    usage: result.usage,
    summary,
    notes: [...new Set([...notes, ...result.notes, ...countedNotes(result, ask.min_score ?? MIN_SCORE_DEFAULT)])],
    findings: result.findings,
  };
}

function countedNotes({ unsure, clipped, unreadable = 0 }: AnalysisResult, minScore: number): string[] {
  return [...lowConfidenceNote(unsure, minScore), ...clippedNote(clipped), ...unreadableNote(unreadable)];
}

/** The merge lowers the score of what other tiles contradict: it is truncated, or only a coarse level shows it. */
function lowConfidenceNote(count: number, minScore: number): string[] {
  if (count === 0) return [];
  const detections = count === 1 ? '1 detection was' : `${count} detections were`;
  const advice = minScore > MIN_SCORE_MIN ? ' A lower min_score keeps more of them.' : '';
  return [`${detections} left out with a score below ${minScore}, which other tiles may have lowered.${advice}`];
}

function clippedNote(clipped: number): string[] {
  if (clipped === 0) return [];
  if (clipped === 1) return ['1 box extended beyond its tile or had no area. It was clipped or left out.'];
  return [`${clipped} boxes extended beyond their tiles or had no area. They were clipped or left out.`];
}

function unreadableNote(unreadable: number): string[] {
  if (unreadable === 0) return [];
  if (unreadable === 1) return ['1 detection had no label or no box. It was left out.'];
  return [`${unreadable} detections had no label or no box. They were left out.`];
}
