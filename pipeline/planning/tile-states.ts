// How far each tile is, as one letter a tile: small enough to be stored every second, whole enough to draw the grid from. Pure.
import { z } from 'zod';
import { tilesOf } from './grid.ts';
import type { Plan } from './plan.ts';

/** A state only moves forward: waiting, looking, then one of the three ends. */
export const TileState = z.enum(['waiting', 'looking', 'done', 'failed', 'blank']);
export type TileState = z.infer<typeof TileState>;

const LETTERS: Record<TileState, string> = { waiting: 'w', looking: 'l', done: 'd', failed: 'f', blank: 'b' };
const STATES = new Map(TileState.options.map((state) => [LETTERS[state], state]));
/** State of a tile that an earlier execution analyzed, and this one does not. */
export const ELSEWHERE = '-';

/** `executions/<id>/tiles/<shard>.json`. */
export const TileStates = z.object({
  /** Index of the first tile in the plan; the tiles after it follow. */
  from: z.number().int(),
  /** Indexes of the tiles where they do not follow each other: what an earlier execution left. */
  indexes: z.array(z.number().int()).nullable(),
  /** One letter a tile. */
  states: z.string().regex(/^[wldfb]*$/),
});
export type TileStates = z.infer<typeof TileStates>;

export const waiting = (tiles: number): string => LETTERS.waiting.repeat(tiles);
export const lettersOf = (states: readonly TileState[]): string => states.map((state) => LETTERS[state]).join('');
export const isOver = (letters: string): boolean => !/[wl-]/.test(letters);

/** Letter by letter the one that is further; of two ends the first. Where one text is shorter, the other counts. */
export function further(before: string, after: string): string {
  if (before === after) return before;
  const length = Math.max(before.length, after.length);
  return Array.from({ length }, (_, at) => furtherLetter(before[at] ?? ELSEWHERE, after[at] ?? ELSEWHERE)).join('');
}

const furtherLetter = (before: string, after: string) => (rank(after) > rank(before) ? after : before);

/** Which tiles moved, by their place in the text. */
export function moved(before: string, after: string): { at: number; state: TileState }[] {
  if (before === after) return [];
  const moves: { at: number; state: TileState }[] = [];
  for (let at = 0; at < after.length; at++) {
    const [from = ELSEWHERE, to = ELSEWHERE] = [before[at], after[at]];
    const state = STATES.get(to);
    if (state && rank(to) > rank(from)) moves.push({ at, state });
  }
  return moves;
}

function rank(letter: string): number {
  if (letter === ELSEWHERE) return -1;
  return letter === LETTERS.waiting ? 0 : letter === LETTERS.looking ? 1 : 2;
}

/** The states of the whole plan, with those of one part of it. Nothing moves back. */
export function withStates(whole: string, { from, indexes, states }: TileStates): string {
  if (indexes)
    return indexes.reduce((all, tile, at) => withStates(all, { from: tile, indexes: null, states: states[at] ?? '' }), whole);
  const to = Math.min(whole.length, from + states.length);
  return whole.slice(0, from) + further(whole.slice(from, to), states.slice(0, to - from)) + whole.slice(to);
}

/** One level of the grid: the tile in column c of row r has the index `first + r * columns.length + c`. */
export const GridLevel = z.object({
  level: z.number().int(),
  first: z.number().int(),
  /** Left edge and width of each column, top and height of each row; pixels of the full image. */
  columns: z.array(z.tuple([z.number(), z.number()])),
  rows: z.array(z.tuple([z.number(), z.number()])),
});
export type GridLevel = z.infer<typeof GridLevel>;

/** Where the tiles of a plan lie, in as many numbers as it has columns and rows, not tiles. Finest level first. */
export function gridOf(plan: Plan): GridLevel[] {
  return [...Map.groupBy(tilesOf(plan), ({ level }) => level)].map(([level, tiles]) => {
    const [first] = tiles;
    const [row, column] = [
      tiles.filter((tile) => tile.row === first?.row),
      tiles.filter((tile) => tile.column === first?.column),
    ];
    return {
      ...{ level, first: first?.index ?? 0 },
      columns: row.map(({ box: [left, , width] }): [number, number] => [left, width]),
      rows: column.map(({ box: [, top, , height] }): [number, number] => [top, height]),
    };
  });
}
