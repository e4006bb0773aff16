// The state of every tile, drawn: a small map for each level, and over the image the tiles of the finest level.
import type { GridLevel } from '../../pipeline/planning/tile-states.ts';
import { count, make } from '../shared/element.ts';
import { countsOf, type Grid, type TileState } from './grid-states.ts';
import type { View } from './layer.ts';
import { drawTilesOver } from './tile-overlay.ts';

const MAP_PX = 280;
const CELL_MAX_PX = 28;
const GAP_FROM_PX = 4;

export interface TileGrid {
  show(grid: Grid): void;
  set(tile: number, state: TileState): void;
  /** The execution has ended: tiles that still wait or are being analyzed never will be. */
  end(): void;
  drawOver(context: CanvasRenderingContext2D, view: View): void;
}

interface LevelMap {
  level: GridLevel;
  cellPx: number;
  context: CanvasRenderingContext2D;
  canvas: HTMLCanvasElement;
}

export function tileGrid(container: HTMLElement): TileGrid {
  let grid: Grid = { levels: [], states: [] };
  let maps: LevelMap[] = [];
  let colors = themeColors();
  let counts = countsOf([]);

  const paint = ({ level: { first, columns }, cellPx, context }: LevelMap, tile: number) => {
    const [column, row] = [(tile - first) % columns.length, Math.floor((tile - first) / columns.length)];
    const edgePx = cellPx >= GAP_FROM_PX ? cellPx - 1 : cellPx;
    const cell = [column * cellPx, row * cellPx, edgePx, edgePx] as const;
    const state = grid.states[tile];
    context.clearRect(...cell);
    if (!state) return;
    context.fillStyle = colors[state];
    context.fillRect(...cell);
  };
  const paintAll = () => {
    colors = themeColors();
    for (const map of maps) for (const tile of tilesOf(map.level)) paint(map, tile);
    describe();
  };
  const describe = () => {
    for (const { canvas, level } of maps) {
      const ofLevel = countsOf(grid.states.slice(level.first, level.first + tileCount(level)));
      const words = Object.entries(ofLevel).flatMap(([state, tiles]) =>
        tiles > 0 ? [`${count(tiles)} ${state.replace('-', ' ')}`] : [],
      );
      canvas.setAttribute('aria-label', words.join(', '));
    }
  };
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', paintAll);

  return {
    show(shown) {
      grid = shown;
      counts = countsOf(grid.states);
      maps = grid.levels.map(mapOf);
      container.replaceChildren(...maps.map(figureOf));
      paintAll();
    },
    set(tile, state) {
      const before = grid.states[tile];
      if (before) counts[before]--;
      grid.states[tile] = state;
      counts[state]++;
      const map = maps.findLast(({ level }) => level.first <= tile);
      if (map) paint(map, tile);
      if (counts.waiting + counts.analyzing === 0) describe();
    },
    end() {
      grid.states = grid.states.map((state) => (state === 'waiting' || state === 'analyzing' ? 'not-analyzed' : state));
      counts = countsOf(grid.states);
      paintAll();
    },
    drawOver(context, view) {
      const [finest] = grid.levels;
      if (finest) drawTilesOver(context, view, finest, grid.states);
    },
  };
}

const tileCount = ({ columns, rows }: GridLevel) => columns.length * rows.length;

function tilesOf(level: GridLevel): number[] {
  return Array.from({ length: tileCount(level) }, (_, place) => level.first + place);
}

function mapOf(level: GridLevel): LevelMap {
  const { columns, rows } = level;
  const canvas = make('canvas');
  const cellPx = Math.max(1, Math.min(CELL_MAX_PX, Math.floor((MAP_PX * devicePixelRatio) / Math.max(columns.length, 1))));
  canvas.width = columns.length * cellPx;
  canvas.height = rows.length * cellPx;
  canvas.setAttribute('role', 'img');
  const context = canvas.getContext('2d');
  if (!context) throw new Error('This browser cannot draw on a canvas.');
  return { level, cellPx, context, canvas };
}

function figureOf({ canvas, level: { level, columns, rows } }: LevelMap): HTMLElement {
  const scale = level === 0 ? 'full resolution' : `1/${2 ** level}`;
  const caption = `${scale}: ${count(columns.length)} × ${count(rows.length)}`;
  return make('figure', {}, canvas, make('figcaption', { textContent: caption }));
}

function themeColors(): Record<TileState, string> {
  const style = getComputedStyle(document.documentElement);
  const colorOf = (state: TileState) => style.getPropertyValue(`--tile-${state}`).trim();
  return {
    waiting: colorOf('waiting'),
    analyzing: colorOf('analyzing'),
    done: colorOf('done'),
    failed: colorOf('failed'),
    blank: colorOf('blank'),
    'not-analyzed': colorOf('not-analyzed'),
  };
}
