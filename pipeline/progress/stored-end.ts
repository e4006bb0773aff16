// The end of an execution as its progress shows it: from its findings, or from the state that the launcher reports if it has none.
import { INTERNAL_ERROR } from '../contract/errors.ts';
import type { FindingsDocument, Progress, TileTotals } from '../contract/schemas.ts';
import { documents, readDocument } from '../documents.ts';
import { reasonOf } from '../findings/document.ts';
import { isRejected } from '../findings/verification.ts';
import type { Blobs, ExecutionState } from '../ports.ts';

export const FAILED_TILES_SHOWN_MAX = 20;
const NOTES_SHOWN_MAX = 20;

export type EndedState = Exclude<ExecutionState, { state: 'running' }>;
type EndOfFindings = Pick<Progress, 'status' | 'findings' | 'tiles' | 'failed_tiles' | 'usage' | 'summary' | 'reason' | 'notes'>;

export function endOfFindings(document: FindingsDocument, reason: string | null): EndOfFindings {
  const { status, findings, tiles, usage, summary, notes } = document;
  return {
    status,
    findings: findings.filter((finding) => !isRejected(finding)).length,
    tiles: { ...tiles, failed: tiles.failed.length, not_analyzed: tiles.not_analyzed.length },
    failed_tiles: tiles.failed.slice(0, FAILED_TILES_SHOWN_MAX),
    usage,
    summary,
    reason,
    notes: shownNotes([notes]),
  };
}

/** Each note once, in the order of the lists. */
export function shownNotes(lists: readonly (readonly string[])[]): string[] {
  return [...new Set(lists.flat())].slice(0, NOTES_SHOWN_MAX);
}

/** The tiles of an execution that has ended: those without a result were not analyzed. */
export function tilesAtEnd({ total, done, failed, blank }: TileTotals): TileTotals {
  return { total, done, failed, blank, not_analyzed: Math.max(0, total - done - failed - blank) };
}

/**
 * The end of an execution whose progress does not have it. Stored findings count whatever the state is: they are complete. An
 * execution that succeeds without findings was blocked.
 */
export async function endOfExecution(
  executionId: string,
  state: EndedState,
  blobs: Pick<Blobs, 'get'>,
): Promise<Partial<Progress>> {
  const end: Partial<Progress> = { phase: 'done', running_shards: [], updated_at: state.endedAt.toISOString() };
  const document = await readDocument(documents.findings(executionId), blobs);
  if (document) {
    if (document.answer) return { ...endOfFindings(document, document.answer.reason), ...end };
    const { stepDocuments } = await import('../step-documents.ts'); // a start should not wait for schemas of the steps
    const merged = await readDocument(stepDocuments.merged(executionId), blobs);
    return { ...endOfFindings(document, reasonOf({ ...document.tiles, stopped: merged?.stopped ?? null })), ...end };
  }
  if (state.state === 'succeeded') {
    return { status: 'BLOCKED', reason: 'The image was blocked by moderation. It was not analyzed.', ...end };
  }
  const status = ({ failed: 'FAILED', stopped: 'CANCELLED', 'timed-out': 'TIMED_OUT' } as const)[state.state];
  return { status, reason: reasonFrom(state), ...end };
}

/** Only our own sentences may leave the deployment, no words of the service. */
function reasonFrom({ state, error }: Exclude<EndedState, { state: 'succeeded' }>): string {
  if (error.type === 'UserError') return error.message;
  switch (state) {
    case 'stopped':
      return 'The execution was stopped from outside, before its findings were stored.';
    case 'timed-out':
      return 'The execution reached its time limit before its findings were stored.';
    case 'failed':
      return INTERNAL_ERROR;
  }
}

/** Whether `stored` is the end of an execution that has run since `startedAt`. An earlier execution may have had the same id. */
export function isEndSince(startedAt: string, stored: Pick<Progress, 'status' | 'updated_at'> | null): boolean {
  return stored !== null && stored.status !== 'RUNNING' && Date.parse(stored.updated_at) >= Date.parse(startedAt);
}
