// Reads how far an execution is: its progress document, those of its running shards and, if they are missing or old, the state that
// the launcher reports. MCP tools and the local page use this reader, so that they agree.
import { at } from '../contract/at.ts';
import { UserError } from '../contract/errors.ts';
import type { Progress } from '../contract/schemas.ts';
import { NO_USAGE } from '../contract/usage.ts';
import { documents, readDocument } from '../documents.ts';
import { sumOfCounts } from '../planning/shards.ts';
import type { Blobs, Clock, ExecutionState, Launcher } from '../ports.ts';
import { endOfExecution, shownNotes, tilesAtEnd } from './stored-end.ts';
import { withoutWaitingNote } from './waiting-note.ts';

const STALE_MS = 10_000; // progress is stored every 2 s at the latest: five writes are missing

export interface ProgressReader {
  /** What is stored; `null` if nothing is. */
  stored(executionId: string): Promise<Progress | null>;
  /** What is stored; if that is missing or old, what the launcher reports counts. Throws a UserError if there is no such execution. */
  current(executionId: string): Promise<Progress>;
}

export interface ProgressReaderDeps {
  blobs: Pick<Blobs, 'get' | 'head'>;
  launcher: Pick<Launcher, 'describe'>;
  clock: Clock;
}

export function progressReader({ blobs, launcher, clock }: ProgressReaderDeps): ProgressReader {
  const stored = coalesced((executionId) => withRunningShards(executionId, blobs));
  const isFresh = async ({ execution_id, updated_at }: Progress) => {
    if (clock.now().getTime() - Date.parse(updated_at) >= STALE_MS) return false;
    // A cancelled execution may have ended without storing its end.
    return (await blobs.head(documents.cancellation(execution_id).key)) === null;
  };
  return {
    stored,
    async current(executionId) {
      const progress = await stored(executionId);
      if (progress && (progress.status !== 'RUNNING' || (await isFresh(progress)))) return progress;
      const state = await launcher.describe(executionId);
      if (!state) {
        throw new UserError(
          `This server has no execution ${executionId}. ` +
            'Use an execution_id that analyze_image returned; list_findings without execution_id lists executions with findings.',
        );
      }
      if (state.state === 'running') return progress ?? queued(executionId, state);
      // The end may have been stored since the first read. A document that still says RUNNING was written late.
      const latest = await stored(executionId);
      if (latest && latest.status !== 'RUNNING') return latest;
      if (!latest && state.state === 'succeeded') {
        throw new UserError(
          `The results of execution ${executionId} were deleted. To run it again, call analyze_image with a new idempotency_key.`,
        );
      }
      const ended = { ...(latest ?? queued(executionId, state)), ...(await endOfExecution(executionId, state, blobs)) };
      return { ...ended, tiles: tilesAtEnd(ended.tiles), notes: withoutWaitingNote(ended.notes) };
    },
  };
}

/** Whether any tile of the execution is known to be analyzed, by this or another shard. */
export async function hasAnalyzedTiles(executionId: string, blobs: Pick<Blobs, 'get'>): Promise<boolean> {
  const progress = await withRunningShards(executionId, blobs);
  return progress !== null && progress.tiles.done > 0;
}

/** Calls for the same key share a read while it is under way. */
function coalesced<Value>(read: (key: string) => Promise<Value>): (key: string) => Promise<Value> {
  const underWay = new Map<string, Promise<Value>>();
  return async (key) => {
    const reading = underWay.get(key) ?? read(key).finally(() => underWay.delete(key));
    underWay.set(key, reading);
    return await reading;
  };
}

/** The tiles of a running shard are in a document of its own: adds them up. */
async function withRunningShards(executionId: string, blobs: Pick<Blobs, 'get'>): Promise<Progress | null> {
  const progress = await readDocument(documents.progress(executionId), blobs);
  if (!progress) return null;
  const reads = progress.running_shards.map((shard) => readDocument(documents.shardProgress(executionId, shard), blobs));
  const running = (await Promise.all(reads)).filter((shard) => shard !== null);
  const { tiles, findings, usage } = progress;
  const sum = sumOfCounts([{ tiles, detections: findings, usage }, ...running]);
  const times = [progress, ...running].map(({ updated_at }) => updated_at).sort();
  return {
    ...progress,
    tiles: { total: tiles.total, ...sum.tiles },
    findings: sum.detections,
    usage: sum.usage,
    notes: shownNotes([progress.notes, ...running.map(({ notes }) => notes)]),
    updated_at: at(times, times.length - 1),
  };
}

/** An execution that has not stored anything yet. */
function queued(executionId: string, { startedAt }: ExecutionState): Progress {
  return {
    execution_id: executionId,
    status: 'RUNNING',
    phase: 'queued',
    tiles: { total: 0, done: 0, failed: 0, blank: 0, not_analyzed: 0 },
    findings: 0,
    usage: NO_USAGE,
    started_at: startedAt.toISOString(),
    updated_at: startedAt.toISOString(),
    running_shards: [],
    reason: null,
    summary: null,
    failed_tiles: [],
    notes: [],
  };
}
