// Reports how far an execution is, as one small document. A replay rebuilds it from step results, so that no tile counts twice.
import type { Searching } from '../contract/questions/question.ts';
import type { AnalysisRequest, FindingsDocument, Phase, Progress, Status, Usage } from '../contract/schemas.ts';
import { documents, readDocument } from '../documents.ts';
import type { Inspected } from '../planning/inspected.ts';
import { requestNotes } from '../planning/request-notes.ts';
import type { ShardRequest, ShardResult } from '../planning/shard-messages.ts';
import { type ShardProgress, sumOfCounts } from '../planning/shards.ts';
import type { PipelineDeps } from '../ports.ts';
import { documentWriter } from './document-writer.ts';
import { endEvent, progressEvent } from './events.ts';
import { endOfFindings, FAILED_TILES_SHOWN_MAX, isEndSince, shownNotes, tilesAtEnd } from './stored-end.ts';
import type { TileResultCounter } from './tile-result-counter.ts';
import { agentNote, waitingNote, withoutWaitingNote } from './waiting-note.ts';

type End = Partial<Omit<ReturnType<typeof endOfFindings>, 'status'>>;

export interface ProgressReport {
  inspected(inspected: Pick<Inspected, 'startedAt'>, tilesTotal: number): void;
  /** How image and request were understood, so far. */
  notes(notes: readonly string[]): void;
  phase(phase: Phase): void;
  /** Why a step waits for the quota of its model; `null` if none does. */
  waits(reason: string | null): void;
  /** How many findings wait for an agent to verify them; `null` if none does. */
  waitsForAgent(findings: number | null): void;
  /** Something has changed that is worth storing soon. */
  changed(): void;
  /** From now on, adds the counts of the tiles that this execution analyzes itself. */
  counting(counter: TileResultCounter): void;
  /** How far the search for an answer is, and what it has cost. */
  searching(searching: Searching, usage: Usage): void;
  /** The shards that run now, and the results of those that have ended. A replay reports them again, which is harmless. */
  shards(running: readonly number[], ended: readonly ShardResult[]): void;
  /** These four resolve when the end is stored. */
  end(document: FindingsDocument, reason: string | null): Promise<void>;
  look(usage: Usage): Promise<void>;
  block(verdict: { category: string; score: number; usage: Usage }): Promise<void>;
  fail(reason: string): Promise<void>;
  /** Stores what has changed and disarms the timer: for an invocation that suspends. */
  flush(): Promise<void>;
  /** Stops the timer and waits for a write under way. */
  close(): Promise<void>;
}

export function reportProgress(request: AnalysisRequest, deps: PipelineDeps): ProgressReport {
  let startedAt = deps.clock.now().toISOString();
  let tilesTotal = 0;
  let notes: readonly string[] = [];
  let waitsFor: string | null = null;
  const understood = requestNotes(request);
  let phase: Phase = 'inspect';
  let counter: TileResultCounter | null = null;
  let running: readonly number[] = [];
  let ended: readonly ShardResult[] = [];
  let search: { searching: Searching; usage: Usage } | null = null;

  const progressAs = (status: Status): Progress => {
    const own = counter ? [{ tiles: counter.tiles(), detections: counter.detections(), usage: counter.usage() }] : [];
    const sum = sumOfCounts([...own, ...ended]);
    const results = counter?.results() ?? [];
    const failed = results.flatMap(({ outcome }) => ('failed' in outcome && outcome.stop === null ? [outcome.failed] : []));
    return {
      execution_id: request.execution_id,
      status,
      phase,
      tiles: { total: tilesTotal, ...sum.tiles },
      findings: sum.detections,
      usage: search === null ? sum.usage : search.usage,
      started_at: startedAt,
      updated_at: deps.clock.now().toISOString(),
      running_shards: [...running],
      reason: null,
      summary: null,
      failed_tiles: failed.slice(0, FAILED_TILES_SHOWN_MAX),
      notes: shownNotes([
        waitsFor === null ? [] : [waitsFor],
        search?.searching.asks === undefined || status !== 'RUNNING'
          ? []
          : [`The model asks: ${JSON.stringify(search.searching.asks)}`],
        notes,
        understood,
        counter?.notes() ?? [],
        ...ended.map((shard) => shard.notes),
      ]),
      ...(search && { search: search.searching }),
    };
  };
  const document = documents.progress(request.execution_id);
  /** `null` if the end is stored: another process may have stored it while this one was frozen. */
  const snapshot = async () => {
    const progress = progressAs('RUNNING');
    if (isEndSince(startedAt, await readDocument(document, deps.blobs))) return null;
    deps.events?.publish([progressEvent(progress, null)]);
    return progress;
  };
  const writer = documentWriter(document, snapshot, deps);
  const endAs = async (status: Status, end: End) => {
    phase = 'done';
    running = [];
    const ended = { ...progressAs(status), ...end };
    const progress = { ...ended, tiles: tilesAtEnd(ended.tiles), notes: withoutWaitingNote(ended.notes) };
    await writer.last(progress);
    deps.events?.publish([endEvent(progress)]);
  };

  const waitFor = (note: string | null) => {
    if (waitsFor === note) return;
    waitsFor = note;
    writer.soon();
  };

  return {
    inspected(inspected, total) {
      startedAt = inspected.startedAt;
      tilesTotal = total;
    },
    notes(next) {
      notes = next;
    },
    waits(reason) {
      waitFor(reason === null ? null : waitingNote(reason));
    },
    waitsForAgent(findings) {
      waitFor(findings === null ? null : agentNote(findings, 'finding'));
    },
    phase(next) {
      phase = next;
      writer.soon();
    },
    changed: () => writer.soon(),
    counting(next) {
      counter = next;
    },
    searching(searching, usage) {
      search = { searching, usage };
      writer.soon();
    },
    shards(nowRunning, nowEnded) {
      running = nowRunning;
      ended = nowEnded;
      writer.soon();
    },
    end(document, reason) {
      const { status, ...end } = endOfFindings(document, reason);
      return endAs(status, end);
    },
    look: (usage) => endAs('SUCCEEDED', { usage }),
    block({ category, score, usage }) {
      const reason = `The image was blocked by moderation: ${category}, score ${score.toFixed(2)}. It was not analyzed.`;
      return endAs('BLOCKED', { reason, usage });
    },
    fail: (reason) => endAs('FAILED', { reason }),
    flush: () => writer.flush(),
    close: () => writer.close(),
  };
}

/** Reports how far a running shard is, as a document of its own: progress-reader.ts adds it to that of its execution. */
export function reportShard(
  { request: { execution_id }, shard }: ShardRequest,
  counter: Pick<TileResultCounter, 'tiles' | 'detections' | 'usage' | 'notes'>,
  deps: PipelineDeps,
): Pick<ProgressReport, 'changed' | 'flush' | 'close'> {
  const snapshot = (): ShardProgress => {
    const tiles = counter.tiles();
    const detections = counter.detections();
    const usage = counter.usage();
    const progress = {
      execution_id,
      status: 'RUNNING',
      phase: 'detect',
      tiles: { total: shard.to - shard.from, ...tiles },
      findings: detections,
      usage,
    } as const;
    deps.events?.publish([progressEvent(progress, shard.number)]);
    return { tiles, detections, usage, notes: shownNotes([counter.notes()]), updated_at: deps.clock.now().toISOString() };
  };
  const writer = documentWriter(documents.shardProgress(execution_id, shard.number), snapshot, deps);
  return { changed: () => writer.soon(), flush: () => writer.flush(), close: () => writer.close() };
}
