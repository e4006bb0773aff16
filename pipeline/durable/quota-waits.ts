// Waits of a map over tiles while a model is throttled, as durable operations: the invocation suspends, and no process is held. One tile
// waits and tries again; the other throttled tiles wait behind it in memory, which costs no operation. What a tile does next is decided
// inside its step and stored as its result, so that a replay does the same: docs/adr/015-waiting-for-quota.md. Knows no models.
import type { DurableContext } from '@aws/durable-execution-sdk-js';
import { at } from '../contract/at.ts';
import { STEPS } from '../contract/protocol.ts';
import { ATTEMPTS_MAX, spareOperations } from '../planning/shards.ts';
import type { ThrottledTile } from '../planning/tile-result.ts';

type Throttled = ThrottledTile['throttled'];

export interface QuotaWaits {
  /** Runs one tile from its first step to its result. The tiles behind it continue afterwards. */
  run<T>(tile: string, work: () => Promise<T>): Promise<T>;
  /** Inside a step, before it calls a model: `null` if it may. `waits`: how often the tile has waited. */
  beforeCall(tile: string, waits: number): Throttled | null;
  /** Inside a step whose model is throttled: what the tile does next. `leastS`: for how long the service asks to wait. */
  afterCall(tile: string, waits: number, reason: string, leastS?: number): Throttled;
  /** Inside a step that found that waiting does not help: no tile calls the model again. */
  giveUp(reason: string): Throttled;
  /** After step number `round` of a tile, counted from 0. */
  wait(context: Pick<DurableContext, 'wait'>, tile: string, round: number, throttled: Throttled): Promise<void>;
  /** Why a tile waits now; `null` if none does. */
  reason(): string | null;
  /** The most attempts of a step that fails for another reason. */
  attemptsMax(): number;
}

/** Before the next attempt. The last one repeats. */
const WAITS_S = [5, 10, 15, 15, 30, 60];
/** As the last of them. A service that asks for longer is tried earlier: what it states may be wrong. */
const ASKED_MAX_S = 60;
/** About an hour. */
const WAITS_MAX = 62;

/**
 * For a map over `tiles` tiles. Waits take the operations that are spare, but for those of steps that run when they end. Then each tile
 * that is left gives one of its attempts. Calls `onChange` when a wait begins or ends.
 */
export function quotaWaits(tiles: number, onChange: () => void): QuotaWaits {
  const spare = Math.floor(spareOperations(tiles) / 2);
  let operationsMax = Number.POSITIVE_INFINITY;
  /** The tile that waits and tries again for all, and behind it the other throttled tiles in their order. */
  let line: string[] = [];
  const waiting = new Map<string, string>();
  const ended = new Set<string>();
  const blocked: { behind: string; resume: () => void }[] = [];
  let gaveUp: Throttled | null = null;
  let operations = 0;
  let active = 0;

  const spend = () => {
    operations++;
    if (operations >= spare && !Number.isFinite(operationsMax)) operationsMax = spare + tiles - ended.size;
  };

  const resumeBlocked = () => {
    const isReplay = blocked.length >= active; // the map has ended and is replayed tile by tile: no tile waits for a later one
    for (const tile of blocked.splice(0)) {
      if (isReplay || ended.has(tile.behind)) tile.resume();
      else blocked.push(tile);
    }
  };

  const giveUp = (reason: string): Throttled => {
    gaveUp ??= { reason, behind: null, wait_s: null };
    return gaveUp;
  };

  const next = (tile: string, waits: number, reason: string, leastS = 0): Throttled => {
    if (waits >= WAITS_MAX || operations >= operationsMax) giveUp(reason);
    if (gaveUp) return gaveUp;
    if (!line.includes(tile)) line.push(tile);
    const place = line.indexOf(tile);
    const seconds = Math.max(at(WAITS_S, Math.min(waits, WAITS_S.length - 1)), Math.min(leastS, ASKED_MAX_S));
    if (place === 0) return { reason, behind: null, wait_s: seconds };
    // Two tiles follow each tile that ends: the calls in flight double for as long as the service accepts them.
    return { reason, behind: at(line, Math.floor((place - 1) / 2)), wait_s: null };
  };

  return {
    async run(tile, work) {
      active++;
      try {
        return await work();
      } finally {
        active--;
        ended.add(tile);
        if (line[0] === tile) line = [...waiting.keys()];
        resumeBlocked();
      }
    },
    beforeCall(tile, waits) {
      const [reason] = waiting.values();
      return gaveUp ?? (reason === undefined ? null : next(tile, waits, reason));
    },
    afterCall: next,
    giveUp,
    async wait(context, tile, round, throttled) {
      const { reason, behind, wait_s } = throttled;
      if (round >= ATTEMPTS_MAX - 1) spend(); // the first attempts of a tile have their operations anyway
      if (behind !== null) {
        if (!line.includes(tile)) line.push(tile);
        await new Promise<void>((resume) => {
          blocked.push({ behind, resume });
          resumeBlocked();
        });
      } else if (wait_s === null) {
        gaveUp = throttled;
      } else {
        line = [tile, ...line.filter((other) => other !== tile)];
        spend();
        waiting.set(tile, reason);
        onChange();
        await context.wait(STEPS.waitForQuota(tile, round), { seconds: wait_s });
        waiting.delete(tile);
        onChange();
      }
    },
    reason: () => [...waiting.values()][0] ?? null,
    attemptsMax: () => (operations < spare ? ATTEMPTS_MAX : ATTEMPTS_MAX - 1),
  };
}
