// The state of an execution as events report it, and the words that both pages show for it.
import type { Phase, Progress, Status } from '../../pipeline/contract/schemas.ts';
import * as read from './read.ts';

export interface ExecutionState {
  status: Status;
  phase: Phase;
  tiles: Progress['tiles'];
  /** Detections while the execution runs, findings at its end. */
  findings: number;
  usage: { cost_usd: number | null };
}

export const STATUS_WORDS: Readonly<Record<Status, string>> = {
  RUNNING: 'running',
  SUCCEEDED: 'succeeded',
  PARTIAL: 'partial',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
  TIMED_OUT: 'timed out',
  BLOCKED: 'blocked',
};

export const PHASE_WORDS: Readonly<Record<Phase, string>> = {
  queued: 'waiting in the queue',
  inspect: 'reading the image header',
  moderate: 'moderating the image',
  tile: 'cutting the image into tiles',
  detect: 'analyzing tiles',
  ask: 'searching for the answer',
  merge: 'merging detections',
  verify: 'verifying findings',
  synthesize: 'writing the summary',
  store: 'storing the results',
  done: 'done',
};

export const stateFields = {
  status: read.keyOf(STATUS_WORDS),
  phase: read.keyOf(PHASE_WORDS),
  tiles: read.fields({
    total: read.number,
    done: read.number,
    failed: read.number,
    blank: read.number,
    not_analyzed: read.number,
  }),
  findings: read.number,
  usage: read.fields({ cost_usd: read.nullable(read.number) }),
};

/** The tiles that need no more work, from 0 to 1. */
export function shareOf({ total, done, failed, blank, not_analyzed }: Progress['tiles']): number {
  return total > 0 ? (done + failed + blank + not_analyzed) / total : 0;
}

/** What became of the tiles that were not analyzed, without kinds that have none. Together with `tiles.done` they are all. */
export function restOf({ status, tiles }: Pick<ExecutionState, 'status' | 'tiles'>): [words: string, tiles: number][] {
  const { total, done, failed, blank } = tiles;
  // A stopped execution may have ended before it counted the tiles that it did not start.
  const notAnalyzed = status === 'RUNNING' ? tiles.not_analyzed : total - done - failed - blank;
  const rest: [string, number][] = [
    ['blank', blank],
    ['failed', failed],
    ['not analyzed', notAnalyzed],
  ];
  return rest.filter(([, count]) => count > 0);
}
