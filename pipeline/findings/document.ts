// Puts together what people download from what the steps returned. Pure.
import type { AnalysisRequest, FailedTile, Finding, FindingsDocument, Status, Usage } from '../contract/schemas.ts';
import type { Plan } from '../planning/plan.ts';
import type { Stop } from '../planning/shards.ts';

export interface Looked {
  findings: Finding[];
  /** How many looks were too unsure to be a finding. */
  unsure: number;
  /** Boxes that reached out of their tile. */
  clipped: number;
  /** Why not all tiles were looked at. */
  stopped: Stop | null;
  done: number;
  blank: number;
  failed: FailedTile[];
  usage: Usage;
  notes: string[];
}

/** Some tiles failed: PARTIAL. All that were not blank: FAILED, unless looking was stopped. */
export function statusOf({ done, failed, stopped }: Looked): Status {
  if (stopped === 'cancelled') return 'CANCELLED';
  if (failed.length === 0) return 'SUCCEEDED';
  return done === 0 && stopped === null ? 'FAILED' : 'PARTIAL';
}

/** One sentence for a status that is not SUCCEEDED. */
export function reasonOf({ done, blank, failed, stopped }: Looked): string | null {
  const [first] = failed;
  if (!first) return null;
  const total = done + blank + failed.length;
  const looked = `${done + blank} of ${total} tiles had been looked at`;
  if (stopped === 'cancelled') return `The analysis was cancelled; ${looked}, and what they showed is kept.`;
  if (stopped === 'budget') return `The budget of the request was spent; ${looked}. retry_failed_tiles looks at the rest.`;
  return `${failed.length} of ${total} tiles could not be looked at; the first: ${first.reason}`;
}

export function findingsDocument(
  request: AnalysisRequest,
  inspected: { format: string; plan: Plan },
  looked: Looked,
  summary: string,
): FindingsDocument {
  const { width, height, notes } = inspected.plan;
  const { done, blank, failed } = looked;
  const { execution_id, image, ask, plan, models } = request;
  return {
    execution_id,
    status: statusOf(looked),
    image: { uri: image.uri, width, height, format: inspected.format, version: image.version },
    request: { ask, plan },
    models,
    tiles: { total: done + blank + failed.length, done, blank, failed },
    usage: looked.usage,
    summary,
    notes: [...notes, ...moderationNote(request), ...looked.notes, ...unsureNote(looked.unsure), ...clippedNote(looked.clipped)],
    findings: looked.findings,
  };
}

function unsureNote(unsure: number): string[] {
  const looks = unsure === 1 ? '1 look was' : `${unsure} looks were`;
  return unsure === 0 ? [] : [`${looks} left out as too unsure: cut by the edge of a tile or coarse, with a low score.`];
}

function clippedNote(clipped: number): string[] {
  const boxes = clipped === 1 ? '1 box' : `${clipped} boxes`;
  return clipped === 0 ? [] : [`${boxes} reached out of the tile or had no size, and were cut to it or left out.`];
}

function moderationNote({ models }: AnalysisRequest): string[] {
  return models.moderation === null ? ['The image was not moderated, as the request asked.'] : [];
}
