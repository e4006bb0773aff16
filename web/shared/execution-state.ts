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

/** Tiles that need no more work: analyzed, failed or blank. */
export function tilesBehind({ done, failed, blank, not_analyzed }: Progress['tiles']): number {
  return done + failed + blank + not_analyzed;
}

/** From 0 to 1. */
export function shareOf(tiles: Progress['tiles']): number {
  return tiles.total > 0 ? tilesBehind(tiles) / tiles.total : 0;
}
