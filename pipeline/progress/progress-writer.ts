// Tells whoever polls how far a run is, as one small object. Rebuilt from results after a crash, so it never counts a tile twice.

import type { AnalysisRequest, FindingsDocument, Phase, Progress, Status, Usage } from '../contract/schemas.ts';
import { documents } from '../documents.ts';
import type { Inspected } from '../planning/inspected.ts';
import { type ShardProgress, type ShardRequest, type ShardResult, sumOfCounts } from '../planning/shards.ts';
import type { PipelineDeps } from '../ports.ts';
import { documentWriter } from './document-writer.ts';
import { endEvent, progressEvent } from './events.ts';
import type { TileResultCounter } from './tile-result-counter.ts';

const FAILED_TILES_SHOWN_MAX = 20;

type Ending = Partial<Pick<Progress, 'findings' | 'reason' | 'summary' | 'usage' | 'tiles' | 'failed_tiles'>>;

export interface ProgressReport {
  inspected(inspected: Pick<Inspected, 'startedAt'>, tilesTotal: number): void;
  phase(phase: Phase): void;
  /** Something has changed that is worth writing soon. */
  changed(): void;
  /** What this process itself looks with: its counts are part of every report from now on. */
  counting(counter: TileResultCounter): void;
  /** Which shards run elsewhere now, and what has come of those that ended. A replay says it again, which is harmless. */
  shards(running: readonly number[], ended: readonly ShardResult[]): void;
  /** These three resolve when the last word is stored. */
  end(document: FindingsDocument, reason: string | null): Promise<void>;
  block(verdict: { category: string; score: number; usage: Usage }): Promise<void>;
  fail(reason: string): Promise<void>;
  /** Stops the timer and waits for a write under way. */
  close(): Promise<void>;
}

export function reportProgress(request: AnalysisRequest, deps: PipelineDeps): ProgressReport {
  let startedAt = deps.clock.now().toISOString();
  let tilesTotal = 0;
  let phase: Phase = 'inspect';
  let counter: TileResultCounter | null = null;
  let running: readonly number[] = [];
  let ended: readonly ShardResult[] = [];

  const snapshot = (status: Status): Progress => {
    const own = counter ? [{ tiles: counter.tiles(), detections: counter.detections(), usage: counter.usage() }] : [];
    const all = sumOfCounts([...own, ...ended]);
    const failed = (counter?.results() ?? []).flatMap(({ outcome }) => ('failed' in outcome ? [outcome.failed] : []));
    return {
      execution_id: request.execution_id,
      status,
      phase,
      tiles: { total: tilesTotal, ...all.tiles },
      findings: all.detections,
      usage: all.usage,
      started_at: startedAt,
      updated_at: deps.clock.now().toISOString(),
      running_shards: [...running],
      reason: null,
      summary: null,
      failed_tiles: failed.slice(0, FAILED_TILES_SHOWN_MAX),
    };
  };
  const tell = () => {
    const progress = snapshot('RUNNING');
    deps.events?.publish([progressEvent(progress, null)]);
    return progress;
  };
  const writer = documentWriter(documents.progress(request.execution_id), tell, deps);
  const last = async (status: Status, ending: Ending) => {
    phase = 'done';
    running = [];
    const progress = { ...snapshot(status), ...ending };
    await writer.last(progress);
    deps.events?.publish([endEvent(progress)]);
  };

  return {
    inspected(inspected, total) {
      startedAt = inspected.startedAt;
      tilesTotal = total;
    },
    phase(next) {
      phase = next;
      writer.soon();
    },
    changed: () => writer.soon(),
    counting(next) {
      counter = next;
    },
    shards(nowRunning, nowEnded) {
      running = nowRunning;
      ended = nowEnded;
      writer.soon();
    },
    end({ status, findings, tiles, usage, summary }, reason) {
      const failed_tiles = tiles.failed.slice(0, FAILED_TILES_SHOWN_MAX);
      const counts = { ...tiles, failed: tiles.failed.length };
      return last(status, { findings: findings.length, tiles: counts, failed_tiles, usage, summary, reason });
    },
    block({ category, score, usage }) {
      const reason = `The image was blocked by moderation: ${category}, score ${score.toFixed(2)}. Nothing else was looked at.`;
      return last('BLOCKED', { reason, usage });
    },
    fail: (reason) => last('FAILED', { reason }),
    close: () => writer.close(),
  };
}

/** The same for a shard: whoever reads the execution's progress adds it up. */
export function reportShard(
  { request, shard }: ShardRequest,
  counter: Pick<TileResultCounter, 'tiles' | 'detections' | 'usage'>,
  deps: PipelineDeps,
): { changed(): void; close(): Promise<void> } {
  const tell = (): ShardProgress => {
    const counts = { tiles: counter.tiles(), usage: counter.usage() };
    const { execution_id } = request;
    const tiles = { total: shard.to - shard.from, ...counts.tiles };
    const told = { execution_id, status: 'RUNNING', phase: 'detect', ...counts, tiles, findings: counter.detections() } as const;
    deps.events?.publish([progressEvent(told, shard.number)]);
    return { ...counts, detections: counter.detections(), updated_at: deps.clock.now().toISOString() };
  };
  const writer = documentWriter(documents.shardProgress(request.execution_id, shard.number), tell, deps);
  return { changed: () => writer.soon(), close: () => writer.close() };
}
