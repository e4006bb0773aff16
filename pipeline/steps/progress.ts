// Tells whoever polls how far a run is, as one small object. Rebuilt from results after a crash, so it never counts a tile twice.
import type { AnalysisRequest, FindingsDocument, Phase, Progress, Status, Usage } from '../core/contract.ts';
import { mustBeFixed } from '../core/errors.ts';
import { keys } from '../core/keys.ts';
import type { PlannedTile } from '../core/plan.ts';
import { totalUsage } from '../core/usage.ts';
import type { PipelineDeps } from '../ports.ts';
import type { LookedTile } from './detect.ts';
import type { Inspected } from './inspect.ts';
import { failedTile, type TileOutcome } from './looked.ts';

const FAILED_TILES_SHOWN_MAX = 20;

type Ending = Partial<Pick<Progress, 'findings' | 'reason' | 'summary' | 'usage' | 'tiles' | 'failed_tiles'>>;

export interface ProgressReport {
  inspected(inspected: Inspected, tilesTotal: number): void;
  phase(phase: Phase): void;
  /**
   * Counts how a look at a tile ended, and makes its failure a result, but for what the caller must fix: that is thrown on.
   * A replay says it again, which is harmless.
   */
  following(tile: PlannedTile, look: Promise<LookedTile>): Promise<TileOutcome>;
  /** These three resolve when the last word is stored. */
  end(document: FindingsDocument, reason: string | null): Promise<void>;
  block(verdict: { category: string; score: number; usage: Usage }): Promise<void>;
  fail(reason: string): Promise<void>;
  /** Stops the timer and waits for a write under way. */
  close(): Promise<void>;
}

export function reportProgress(request: AnalysisRequest, deps: PipelineDeps): ProgressReport {
  const outcomes = new Map<number, TileOutcome>();
  let startedAt = deps.clock.now().toISOString();
  let tilesTotal = 0;
  let phase: Phase = 'inspect';
  let timer: NodeJS.Timeout | null = null;
  let writing: Promise<void> = Promise.resolve();

  const snapshot = (status: Status): Progress => {
    const all = [...outcomes.values()];
    const failed = all.flatMap((outcome) => ('failed' in outcome ? [outcome.failed] : []));
    const looked = all.flatMap((outcome) => ('failed' in outcome ? [] : [outcome]));
    const blank = looked.filter((outcome) => outcome.blank).length;
    return {
      execution_id: request.execution_id,
      status,
      phase,
      tiles: { total: tilesTotal, done: looked.length - blank, failed: failed.length, blank },
      findings: looked.reduce((sum, { detections }) => sum + detections.length, 0),
      usage: totalUsage(looked.map(({ usage }) => usage)),
      started_at: startedAt,
      updated_at: deps.clock.now().toISOString(),
      reason: null,
      summary: null,
      failed_tiles: failed.toSorted((a, b) => a.tile - b.tile).slice(0, FAILED_TILES_SHOWN_MAX),
    };
  };

  const write = (progress: Progress): Promise<void> => {
    const bytes = Buffer.from(JSON.stringify(progress));
    const written = writing.then(() => deps.blobs.put(keys.progress(request.execution_id), bytes));
    writing = written.catch(() => {}); // the next write must not fail for this one; its caller hears of it
    return written;
  };

  const later = () => {
    timer ??= setTimeout(() => {
      timer = null;
      write(snapshot('RUNNING')).catch((error) => deps.log.warn({ error }, 'Progress could not be stored; the run goes on.'));
    }, deps.limits.progressEveryMs);
  };

  const stopTimer = () => {
    if (timer) clearTimeout(timer);
    timer = null;
  };

  const last = async (status: Status, ending: Ending) => {
    stopTimer();
    phase = 'done';
    await write({ ...snapshot(status), ...ending });
  };

  return {
    inspected(inspected, total) {
      startedAt = inspected.startedAt;
      tilesTotal = total;
    },
    phase(next) {
      phase = next;
      later();
    },
    async following(tile, look) {
      const outcome = await look.catch((error) => {
        if (mustBeFixed(error)) throw error;
        deps.log.warn({ error, execution: request.execution_id, tile: tile.name }, 'A tile could not be looked at.');
        return { failed: failedTile(tile, error) };
      });
      outcomes.set(tile.index, outcome);
      later();
      return outcome;
    },
    end({ status, findings, tiles, usage, summary }, reason) {
      const failed_tiles = tiles.failed.slice(0, FAILED_TILES_SHOWN_MAX);
      const counts = { ...tiles, failed: tiles.failed.length };
      return last(status, { findings: findings.length, tiles: counts, failed_tiles, usage, summary, reason });
    },
    block({ category, score, usage }) {
      const reason = `The picture was blocked by moderation: ${category}, score ${score.toFixed(2)}. Nothing else was looked at.`;
      return last('BLOCKED', { reason, usage });
    },
    fail: (reason) => last('FAILED', { reason }),
    async close() {
      stopTimer();
      await writing;
    },
  };
}
