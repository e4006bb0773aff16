// The tiles of an execution by level and state, read from the events of the server. Draws nothing.
import type { GridLevel, TileState as ReportedState } from '../../pipeline/planning/tile-states.ts';
import * as read from '../shared/read.ts';

export type TileState = 'waiting' | 'analyzing' | 'done' | 'failed' | 'blank' | 'not-analyzed';

export interface Grid {
  levels: readonly GridLevel[];
  /** By the index of the tile; `null` if an earlier execution analyzed it. */
  states: (TileState | null)[];
}

/** By the state that an event reports. */
export const TILE_STATES: Readonly<Record<ReportedState, TileState>> = {
  waiting: 'waiting',
  looking: 'analyzing',
  done: 'done',
  failed: 'failed',
  blank: 'blank',
  not_analyzed: 'not-analyzed',
};

/** By the letter that a snapshot has for a tile. */
const LETTERS: Readonly<Record<string, TileState | null>> = {
  w: 'waiting',
  l: 'analyzing',
  d: 'done',
  f: 'failed',
  b: 'blank',
  n: 'not-analyzed',
  '-': null,
};

/** Start and length in pixels of the full image. */
const readEdge = read.tuple<[number, number]>(read.number, read.number);

export const readGridLevel: read.Read<GridLevel> = read.fields({
  level: read.number,
  first: read.number,
  columns: read.listOf(readEdge),
  rows: read.listOf(readEdge),
});

/** One letter a tile. */
export function tileStatesOf(letters: string): Grid['states'] {
  return Array.from(letters, (letter) => {
    const state = LETTERS[letter];
    if (state === undefined) throw new TypeError(`${letter} is not the letter of a tile state.`);
    return state;
  });
}

export function countsOf(states: Grid['states']): Record<TileState, number> {
  const counts = { waiting: 0, analyzing: 0, done: 0, failed: 0, blank: 0, 'not-analyzed': 0 };
  for (const state of states) if (state) counts[state]++;
  return counts;
}
