// The state of every tile as one letter: small enough to store every second, and all that is needed to draw the grid. Pure.
import { z } from 'zod';
import { at } from '../contract/at.ts';
import { tilesOf } from './grid.ts';
import type { Plan } from './plan.ts';

/** A state only moves forward: from waiting to looking to one of the four ends. */
export const TileState = z.enum(['waiting', 'looking', 'done', 'failed', 'blank', 'not_analyzed']);
export type TileState = z.infer<typeof TileState>;

/** The letters are stored. */
const LETTERS: Record<TileState, string> = {
  waiting: 'w',
  looking: 'l',
  done: 'd',
  failed: 'f',
  blank: 'b',
  not_analyzed: 'n',
};
const STATES = new Map(TileState.options.map((state) => [LETTERS[state], state]));
/** A tile that is not part of this execution: an earlier one has analyzed it. */
export const OTHER_EXECUTION = '-';

/** The tiles of one shard. */
export const TileStates = z.object({
  /** Index in the plan of the first tile. The other tiles follow it. */
  from: z.number().int(),
  /** Indexes of all tiles if they do not follow each other, as in a retry. */
  indexes: z.array(z.number().int()).nullable(),
  /** One letter for each tile. */
  states: z.string().regex(/^[wldfbn]*$/),
});
export type TileStates = z.infer<typeof TileStates>;

export const allWaiting = (tiles: number): string => LETTERS.waiting.repeat(tiles);
export const lettersOf = (states: readonly TileState[]): string => states.map((state) => LETTERS[state]).join('');
export const allEnded = (letters: string): boolean => !/[wl-]/.test(letters);

/** For each tile the state that is further; of two ends the first. The longer text decides the length. */
export function furthest(before: string, after: string): string {
  if (before === after) return before;
  const length = Math.max(before.length, after.length);
  return Array.from({ length }, (_, tile) => {
    const [from = OTHER_EXECUTION, to = OTHER_EXECUTION] = [before[tile], after[tile]];
    return rank(to) > rank(from) ? to : from;
  }).join('');
}

/** The tiles that moved forward, by their position in the text. */
export function changedTiles(before: string, after: string): { position: number; state: TileState }[] {
  if (before === after) return [];
  return [...after].flatMap((letter, position) => {
    const state = STATES.get(letter);
    return state && rank(letter) > rank(before[position] ?? OTHER_EXECUTION) ? [{ position, state }] : [];
  });
}

function rank(letter: string): number {
  if (letter === OTHER_EXECUTION) return -1;
  return letter === LETTERS.waiting ? 0 : letter === LETTERS.looking ? 1 : 2;
}

/** The states of the whole plan, updated with those of one shard. No tile moves back. */
export function withStates(whole: string, { from, indexes, states }: TileStates): string {
  if (indexes) {
    return indexes.reduce((all, from, tile) => withStates(all, { from, indexes: null, states: states.charAt(tile) }), whole);
  }
  const to = Math.min(whole.length, from + states.length);
  return whole.slice(0, from) + furthest(whole.slice(from, to), states.slice(0, to - from)) + whole.slice(to);
}

/** One level of the grid: the tile in column c and row r has the index `first + r * columns.length + c`. */
export const GridLevel = z.object({
  level: z.number().int(),
  first: z.number().int(),
  /** Left edge and width of each column, top edge and height of each row, in pixels of the full image. */
  columns: z.array(z.tuple([z.number(), z.number()])),
  rows: z.array(z.tuple([z.number(), z.number()])),
});
export type GridLevel = z.infer<typeof GridLevel>;

/** The grid of a plan, as large as its columns and rows rather than its tiles. The finest level first. */
export function gridOf(plan: Plan): GridLevel[] {
  return [...Map.groupBy(tilesOf(plan), ({ level }) => level)].map(([level, tiles]) => {
    const first = at(tiles, 0);
    const firstRow = tiles.filter(({ row }) => row === first.row);
    const firstColumn = tiles.filter(({ column }) => column === first.column);
    return {
      level,
      first: first.index,
      columns: firstRow.map(({ box: [left, , width] }): [number, number] => [left, width]),
      rows: firstColumn.map(({ box: [, top, , height] }): [number, number] => [top, height]),
    };
  });
}
