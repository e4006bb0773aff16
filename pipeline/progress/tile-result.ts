// How looks at tiles ended: what each showed, or why it shows nothing. Counts them; a tile is counted once however often it is told.
import { z } from 'zod';
import { mustBeFixed, sentenceOf } from '../contract/errors.ts';
import { Detection, FailedTile, Usage } from '../contract/schemas.ts';
import { NO_USAGE, totalUsage } from '../contract/usage.ts';
import type { PlannedTile } from '../planning/grid.ts';
import { Stop, type TileCounts } from '../planning/shards.ts';
import type { Log } from '../ports.ts';
import type { TileState } from './tile-states.ts';

export const LookedTile = z.object({
  /** One colour all over: no model was asked. */
  blank: z.boolean(),
  detections: z.array(Detection),
  usage: Usage,
  /** How many boxes reached out of the tile and were cut to it. */
  clipped: z.number().int(),
  notes: z.array(z.string()),
});
export type LookedTile = z.infer<typeof LookedTile>;

/** A look that was not made any more. */
const Unseen = z.object({ unseen: Stop });

/** What the step of a tile returns. */
export const Look = z.union([Unseen, LookedTile]);
export type Look = z.infer<typeof Look>;

/** A tile that failed for good or was not looked at is a result, so that its reason outlives the checkpoint of the map. */
export const TileOutcome = z.union([z.object({ failed: FailedTile, stop: Stop.nullable() }), LookedTile]);
export type TileOutcome = z.infer<typeof TileOutcome>;

/** `executions/<id>/looks/<shard>.json`. */
export const Looks = z.array(z.object({ tile: z.number().int(), outcome: TileOutcome }));
export type Looks = z.infer<typeof Looks>;

/** Why a tile was not looked at. */
export const UNSEEN: Record<Stop, string> = {
  cancelled: 'Not looked at: the analysis was cancelled.',
  budget: 'Not looked at: what the request allowed to spend was spent.',
};

export interface LookCounter {
  /** Somebody looks at the tile from now on. */
  begin(tile: number): void;
  /** What a look came to. Throws what the caller must fix: no other tile would fare better. */
  follow(tile: PlannedTile, look: Promise<Look>): Promise<TileOutcome>;
  /** The same again is harmless. `tile` is its index in the plan. */
  add(tile: number, outcome: TileOutcome): void;
  state(tile: number): TileState;
  tiles(): TileCounts;
  detections(): number;
  usage(): Usage;
  stopped(): Stop | null;
  /** In the order of the tiles. */
  looks(): Looks;
}

/** `onChange` is told of every tile that begins or ends. */
export function lookCounter(log: Log, facts: { execution: string }, onChange: () => void): LookCounter {
  const outcomes = new Map<number, TileOutcome>();
  const begun = new Set<number>();
  const failed = () => [...outcomes.values()].flatMap((outcome) => ('failed' in outcome ? [outcome] : []));
  const counts = { done: 0, failed: 0, blank: 0, detections: 0, usage: NO_USAGE };

  const count = (outcome: TileOutcome) => {
    if ('failed' in outcome) {
      counts.failed++;
      return;
    }
    if (outcome.blank) counts.blank++;
    else counts.done++;
    counts.detections += outcome.detections.length;
    counts.usage = totalUsage([counts.usage, outcome.usage]);
  };

  const add = (tile: number, outcome: TileOutcome) => {
    if (outcomes.has(tile)) return;
    count(outcome);
    outcomes.set(tile, outcome);
  };

  return {
    begin(tile) {
      begun.add(tile);
      onChange();
    },
    async follow(tile, look) {
      const outcome = await look.then(
        (seen): TileOutcome => ('unseen' in seen ? notSeen(tile, UNSEEN[seen.unseen], seen.unseen) : seen),
        (error) => {
          if (mustBeFixed(error)) throw error;
          log.warn({ error, ...facts, tile: tile.name }, 'A tile could not be looked at.');
          // The reason is one of our own sentences: what a model or a library said stays in the log.
          return notSeen(tile, sentenceOf(error) ?? 'The model failed on this tile.', null);
        },
      );
      add(tile.index, outcome);
      onChange();
      return outcome;
    },
    add,
    state(tile) {
      const outcome = outcomes.get(tile);
      if (!outcome) return begun.has(tile) ? 'looking' : 'waiting';
      if ('failed' in outcome) return 'failed';
      return outcome.blank ? 'blank' : 'done';
    },
    tiles: () => ({ done: counts.done, failed: counts.failed, blank: counts.blank }),
    detections: () => counts.detections,
    usage: () => counts.usage,
    stopped: () => failed().find(({ stop }) => stop !== null)?.stop ?? null,
    looks: () => [...outcomes].sort(([a], [b]) => a - b).map(([tile, outcome]) => ({ tile, outcome })),
  };
}

export function notSeen(tile: Pick<PlannedTile, 'index' | 'box'>, reason: string, stop: Stop | null): TileOutcome {
  return { failed: { tile: tile.index, box: tile.box, reason }, stop };
}
