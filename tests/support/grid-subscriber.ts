// Rebuilds the grid of an execution from its server-sent events, as a page does: reconnects until the end event, and records every
// event that a page should not get.
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { type EndEvent, LiveEvent, SnapshotEvent } from '../../pipeline/progress/events.ts';

const RECONNECT_MS = 50;
const STATES: Record<string, string> = {
  w: 'waiting',
  l: 'looking',
  d: 'done',
  f: 'failed',
  b: 'blank',
  n: 'not_analyzed',
  '-': 'elsewhere',
};
const RANKS = ['elsewhere', 'waiting', 'looking'];
const GridEvent = z.union([LiveEvent, SnapshotEvent]);

export interface GridSubscriber {
  /** The state of each tile, by its index. */
  grid: string[];
  snapshots: SnapshotEvent[];
  /** The number of tiles that ended in events: since the last snapshot, and in total. */
  ends: { sinceSnapshot: number; inEvents: number };
  /** Tiles that ended more than once or moved back. */
  faults: string[];
  progress: { phase: string }[];
  end: Promise<EndEvent>;
}

/** Calls `url` for each new connection. */
export function subscribeToGrid(url: () => string): GridSubscriber {
  const state: Omit<GridSubscriber, 'end'> = {
    grid: [],
    snapshots: [],
    ends: { sinceSnapshot: 0, inEvents: 0 },
    faults: [],
    progress: [],
  };
  const follow = async (): Promise<EndEvent> => {
    for (;;) {
      try {
        for await (const data of serverSentData(url())) {
          const event = GridEvent.parse(JSON.parse(data));
          if (event.type === 'end') return event;
          apply(event, state);
        }
      } catch (error) {
        if (error instanceof z.ZodError) throw error; // any other error is a broken connection
      }
      await sleep(RECONNECT_MS);
    }
  };
  return { ...state, end: follow() };
}

function apply(event: z.infer<typeof GridEvent>, { grid, snapshots, ends, faults, progress }: Omit<GridSubscriber, 'end'>): void {
  if (event.type === 'progress') progress.push(event);
  if (event.type === 'tile') {
    const before = grid[event.tile] ?? 'nowhere';
    if (rank(event.state) <= rank(before)) faults.push(`${event.id} after ${before}`);
    grid[event.tile] = event.state;
    if (rank(event.state) < RANKS.length) return;
    ends.sinceSnapshot++;
    ends.inEvents++;
  }
  if (event.type === 'snapshot') {
    snapshots.push(event);
    ends.sinceSnapshot = 0;
    for (const [tile, letter] of [...event.states].entries()) {
      const [before, after] = [grid[tile] ?? 'elsewhere', STATES[letter] ?? letter];
      const movedBack = rank(after) < rank(before) || (rank(before) === RANKS.length && after !== before);
      if (movedBack) faults.push(`tile ${tile} ${after} after ${before} in a snapshot`);
      grid[tile] = after;
    }
  }
}

const rank = (state: string) => (RANKS.includes(state) ? RANKS.indexOf(state) : RANKS.length);

/** The data of each event, until the connection ends or breaks. */
export async function* serverSentData(url: string, signal?: AbortSignal): AsyncGenerator<string> {
  const response = await fetch(url, signal ? { signal } : {});
  if (!response.ok || !response.body) throw new Error(`HTTP ${response.status}: ${await response.text()}`);
  let rest = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    const events = (rest + chunk).split('\n\n');
    rest = events.pop() ?? '';
    for (const event of events) {
      const data = event.split('\n').flatMap((line) => (line.startsWith('data: ') ? [line.slice(6)] : []));
      if (data.length > 0) yield data.join('\n');
    }
  }
}
