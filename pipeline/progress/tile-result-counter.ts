// Counts the tile results of a shard as they come in. A result that is added twice counts once.
import { mustBeFixed, sentenceOf } from '../contract/errors.ts';
import type { Usage } from '../contract/schemas.ts';
import { NO_USAGE, totalUsage } from '../contract/usage.ts';
import type { PlannedTile } from '../planning/grid.ts';
import type { Stop, TileCounts } from '../planning/shards.ts';
import { type EndedTile, NOT_ANALYZED, notAnalyzed, type TileResult, type TileResults } from '../planning/tile-result.ts';
import type { TileState } from '../planning/tile-states.ts';
import type { Log } from '../ports.ts';
import { agentNote, waitingNote } from './waiting-note.ts';

export interface TileResultCounter {
  /** The step of the tile has begun. */
  begin(tile: number): void;
  /** Turns the outcome of a tile's steps into its result. Throws errors that the caller must fix: no other tile would fare better. */
  follow(tile: PlannedTile, step: Promise<EndedTile>): Promise<TileResult>;
  /** The same, but counts nothing. */
  outcome(tile: PlannedTile, step: Promise<EndedTile>): Promise<TileResult>;
  /**
   * What other models than the agent detected in a tile: it counts as cost, not as a result, until the tile is added. A result to which the
   * agent has nothing to add is added. Holding a tile again is harmless.
   */
  hold(tile: number, result: TileResult): void;
  /** How many tiles wait for an agent; `null` if none does. */
  waitsForAgent(tiles: number | null): void;
  /** Adding a result again is harmless. `tile` is its index in the plan. */
  add(tile: number, result: TileResult): void;
  /** Why tiles wait for the quota of a model; `null` if none does. */
  waits(reason: string | null): void;
  state(tile: number): TileState;
  tiles(): TileCounts;
  detections(): number;
  usage(): Usage;
  /** The known part of the cost: what counts against a budget. */
  spentUsd(): number;
  /** Each once. */
  notes(): string[];
  stopped(): Stop | null;
  /** By tile, ascending. */
  results(): TileResults;
}

/** Calls `onChange` whenever a tile begins or ends. */
export function tileResultCounter(log: Log, facts: { execution: string }, onChange: () => void): TileResultCounter {
  const results = new Map<number, TileResult>();
  const begun = new Set<number>();
  const held = new Set<number>();
  const counts = { done: 0, failed: 0, blank: 0, not_analyzed: 0, detections: 0, spentUsd: 0, usage: NO_USAGE };
  const notes = new Set<string>();
  let stopped: Stop | null = null;
  let waitsFor: string | null = null;

  const countCost = (result: TileResult) => {
    counts.usage = totalUsage([counts.usage, result.usage ?? NO_USAGE]);
    counts.spentUsd += result.usage?.cost_usd ?? 0;
  };

  const count = (result: TileResult) => {
    if ('failed' in result) {
      counts[result.stop === null ? 'failed' : 'not_analyzed']++;
      stopped ??= result.stop;
      return;
    }
    if (result.blank) counts.blank++;
    else counts.done++;
    counts.detections += result.detections.length;
    for (const note of result.notes) notes.add(note);
  };

  const add = (tile: number, result: TileResult) => {
    if (results.has(tile)) return;
    if (!held.has(tile)) countCost(result);
    count(result);
    results.set(tile, result);
  };

  /** The reason is one of our own sentences: the words of a model or a library stay in the log. */
  const failedWith = (error: unknown, tile: PlannedTile): TileResult => {
    if (mustBeFixed(error)) throw error;
    return failed(sentenceOf(error) ?? 'The model failed on this tile.', tile);
  };

  const failed = (reason: string, tile: PlannedTile): TileResult => {
    log.warn({ ...facts, tile: tile.name, reason }, 'A tile could not be analyzed.'); // the causes were logged by its step
    return notAnalyzed(tile, reason, null);
  };

  const outcome = async (tile: PlannedTile, step: Promise<EndedTile>): Promise<TileResult> =>
    await step.then(
      (ended): TileResult => {
        if ('unseen' in ended) return notAnalyzed(tile, NOT_ANALYZED[ended.unseen], ended.unseen);
        return 'unusable' in ended ? { ...failed(ended.unusable, tile), usage: ended.usage } : ended;
      },
      (error) => failedWith(error, tile),
    );

  return {
    begin(tile) {
      begun.add(tile);
      onChange();
    },
    async follow(tile, step) {
      const result = await outcome(tile, step);
      add(tile.index, result);
      onChange();
      return result;
    },
    outcome,
    hold(tile, result) {
      if ('failed' in result || result.blank) add(tile, result);
      else if (!held.has(tile)) {
        countCost(result);
        held.add(tile);
      }
      onChange();
    },
    add,
    waits(reason) {
      waitsFor = reason === null ? null : waitingNote(reason);
      onChange();
    },
    waitsForAgent(tiles) {
      waitsFor = tiles === null ? null : agentNote(tiles, 'tile');
      onChange();
    },
    state(tile) {
      const result = results.get(tile);
      if (!result) return begun.has(tile) ? 'looking' : 'waiting';
      if ('failed' in result) return result.stop === null ? 'failed' : 'not_analyzed';
      return result.blank ? 'blank' : 'done';
    },
    tiles: () => ({ done: counts.done, failed: counts.failed, blank: counts.blank, not_analyzed: counts.not_analyzed }),
    detections: () => counts.detections,
    usage: () => counts.usage,
    spentUsd: () => counts.spentUsd,
    notes: () => [...(waitsFor === null ? [] : [waitsFor]), ...[...notes].sort()],
    stopped: () => stopped,
    results: () => [...results].sort(([a], [b]) => a - b).map(([tile, outcome]) => ({ tile, outcome })),
  };
}
