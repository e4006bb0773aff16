// How far each tile is, drawn: a small map of every level, and over the image the tiles of the finest one. Knows letters of states.
import type { GridLevel } from '../../pipeline/planning/tile-states.ts';
import { count, make } from '../shared/element.ts';
import type { View } from './viewer.ts';

export type TileState = 'waiting' | 'looking' | 'done' | 'failed' | 'blank';

export interface Grid {
  levels: readonly GridLevel[];
  /** By the tile's index; null: not a part of this execution. */
  states: (TileState | null)[];
}

const LETTERS: Readonly<Record<string, TileState>> = { w: 'waiting', l: 'looking', d: 'done', f: 'failed', b: 'blank' };

/** One letter a tile, as the server tells them. */
export function tileStates(letters: string): Grid['states'] {
  return Array.from(letters, (letter) => LETTERS[letter] ?? null);
}

const MAP_PX = 280;
const CELL_MAX_PX = 28;
const GAP_FROM_PX = 4;
/** Over the image only what looks different from an image: a tile that was looked at is as it is. */
const OVER: Partial<Record<TileState, string>> = {
  waiting: 'rgb(10 14 20 / 55%)',
  looking: 'rgb(255 210 63 / 35%)',
  failed: 'rgb(255 60 90 / 45%)',
  blank: 'rgb(255 255 255 / 40%)',
};

export interface TileGrid {
  show(grid: Grid): void;
  set(tile: number, state: TileState): void;
  drawOver(context: CanvasRenderingContext2D, view: View): void;
  counts(): Record<TileState, number>;
}

interface Map {
  level: GridLevel;
  cellPx: number;
  context: CanvasRenderingContext2D;
  canvas: HTMLCanvasElement;
}

export function tileGrid(container: HTMLElement): TileGrid {
  let grid: Grid = { levels: [], states: [] };
  let maps: Map[] = [];
  let colours = coloursOf();
  const numbers: Record<TileState, number> = { waiting: 0, looking: 0, done: 0, failed: 0, blank: 0 };

  const paint = (map: Map, tile: number) => {
    const { first, columns } = map.level;
    const [column, row] = [(tile - first) % columns.length, Math.floor((tile - first) / columns.length)];
    const gap = map.cellPx >= GAP_FROM_PX ? 1 : 0;
    const state = grid.states[tile];
    const place = [column * map.cellPx, row * map.cellPx, map.cellPx - gap, map.cellPx - gap] as const;
    map.context.clearRect(...place);
    if (!state) return;
    map.context.fillStyle = colours[state];
    map.context.fillRect(...place);
  };
  const paintAll = () => {
    colours = coloursOf();
    for (const map of maps) {
      const { first, columns, rows } = map.level;
      for (let tile = first; tile < first + columns.length * rows.length; tile++) paint(map, tile);
    }
    tell();
  };
  const tell = () => {
    for (const { canvas, level } of maps) {
      const states = grid.states.slice(level.first, level.first + level.columns.length * level.rows.length);
      const words = Object.entries(countsOf(states)).flatMap(([state, number]) =>
        number > 0 ? [`${count(number)} ${state}`] : [],
      );
      canvas.setAttribute('aria-label', words.join(', '));
    }
  };
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', paintAll);

  return {
    show(shown) {
      grid = shown;
      maps = grid.levels.map(mapOf);
      container.replaceChildren(...maps.map(figureOf));
      Object.assign(numbers, countsOf(grid.states));
      paintAll();
    },
    set(tile, state) {
      const before = grid.states[tile];
      if (before) numbers[before]--;
      grid.states[tile] = state;
      numbers[state]++;
      const map = maps.findLast(({ level }) => level.first <= tile);
      if (map) paint(map, tile);
      if (numbers.waiting + numbers.looking === 0) tell();
    },
    drawOver(context, view) {
      const [finest] = grid.levels;
      if (finest) drawLevel(context, view, finest, grid.states);
    },
    counts: () => numbers,
  };
}

function countsOf(states: readonly (TileState | null)[]): Record<TileState, number> {
  const counts = { waiting: 0, looking: 0, done: 0, failed: 0, blank: 0 };
  for (const state of states) if (state) counts[state]++;
  return counts;
}

function mapOf(level: GridLevel): Map {
  const canvas = make('canvas');
  const cellPx = Math.max(1, Math.min(CELL_MAX_PX, Math.floor((MAP_PX * devicePixelRatio) / Math.max(level.columns.length, 1))));
  canvas.width = level.columns.length * cellPx;
  canvas.height = level.rows.length * cellPx;
  canvas.setAttribute('role', 'img');
  const context = canvas.getContext('2d');
  if (!context) throw new Error('This browser cannot draw on a canvas.');
  return { level, cellPx, context, canvas };
}

function figureOf({ canvas, level: { level, columns, rows } }: Map): HTMLElement {
  const scale = level === 0 ? 'full resolution' : `1/${2 ** level}`;
  return make(
    'figure',
    {},
    canvas,
    make('figcaption', { textContent: `${scale}: ${count(columns.length)} × ${count(rows.length)}` }),
  );
}

/** Only tiles that are on the screen and large enough to be seen. */
function drawLevel(
  context: CanvasRenderingContext2D,
  view: View,
  { first, columns, rows }: GridLevel,
  states: Grid['states'],
): void {
  const seen = (edges: GridLevel['columns'], from: number, lengthPx: number) =>
    edges.flatMap((edge, at) => {
      const [begin, end] = [between(edges[at - 1], edge), between(edge, edges[at + 1])].map((px) => (px - from) * view.scale) as [
        number,
        number,
      ];
      return end > 0 && begin < lengthPx ? [{ at, begin, length: end - begin }] : [];
    });
  const across = seen(columns, view.left, view.width);
  for (const row of seen(rows, view.top, view.height)) {
    for (const column of across) {
      const state = states[first + row.at * columns.length + column.at];
      const colour = state && OVER[state];
      if (!colour) continue;
      context.fillStyle = colour;
      context.fillRect(column.begin + 1, row.begin + 1, column.length - 2, row.length - 2);
    }
  }
}

type Edge = GridLevel['columns'][number];

/** Neighbours overlap: each is drawn up to the middle of what they share. */
function between(one: Edge | undefined, other: Edge | undefined): number {
  if (!one || !other) return other ? other[0] : one ? one[0] + one[1] : 0;
  return (one[0] + one[1] + other[0]) / 2;
}

function coloursOf(): Record<TileState, string> {
  const style = getComputedStyle(document.documentElement);
  const of = (state: TileState) => style.getPropertyValue(`--tile-${state}`).trim();
  return { waiting: of('waiting'), looking: of('looking'), done: of('done'), failed: of('failed'), blank: of('blank') };
}
