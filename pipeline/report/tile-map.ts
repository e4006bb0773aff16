// A map of the failed and blank tiles of a level, drawn over the thumbnail. Its size is limited for any number of tiles. Pure.
import { at } from '../contract/at.ts';
import { type PlannedLevel, type PlannedTile, tilesOf } from '../planning/grid.ts';
import type { Plan } from '../planning/plan.ts';
import { count, counted, html, type Markup } from './html.ts';

/** 60 x 60 cells of 32 characters are 115 KB; three levels may be as full. */
const CELLS_MAX = 60;

type State = 'failed' | 'blank' | 'outside' | 'analyzed';

/** One list item with a map for every level that has failed or blank tiles. `failed` and `blank` are indexes of tiles. */
export function levelMaps(plan: Plan, failed: ReadonlySet<number>, blank: ReadonlySet<number>): Markup[] {
  if (failed.size === 0 && blank.size === 0) return [];
  const byLevel = Map.groupBy(tilesOf(plan), ({ level }) => level);
  return plan.levels.flatMap((level) => {
    const tiles = byLevel.get(level.level) ?? [];
    const stateOf = ({ index }: PlannedTile) => (failed.has(index) ? 'failed' : blank.has(index) ? 'blank' : 'analyzed');
    const states = tiles.map(stateOf);
    const [missing, empty] = [states.filter((state) => state === 'failed'), states.filter((state) => state === 'blank')];
    if (missing.length + empty.length === 0) return [];
    const name = level.level === 0 ? 'Full resolution' : `1/${2 ** level.level} of the resolution`;
    const words = `${name}: ${counted(tiles.length, 'tile')}, ${count(missing.length)} failed and ${count(empty.length)} blank.`;
    return [html`<li><figure>${drawn(level, plan, tiles, states)}<figcaption>${words}</figcaption></figure></li>`];
  });
}

/** A cell is a tile, or a square of tiles if there are many. It is failed if one of them is, and blank if all are. */
function drawn(level: PlannedLevel, plan: Plan, tiles: readonly PlannedTile[], states: readonly string[]): Markup {
  const { width, height } = level;
  const side = Math.ceil(Math.max(level.columns, level.rows) / CELLS_MAX);
  const [columns, rows] = [Math.ceil(level.columns / side), Math.ceil(level.rows / side)];
  const cells = new Array<Set<string>>(columns * rows);
  for (const [index, { row, column }] of tiles.entries()) {
    const cell = Math.floor(row / side) * columns + Math.floor(column / side);
    cells[cell] = (cells[cell] ?? new Set()).add(at(states, index));
  }
  const cellPx = side * plan.stridePx;
  const pathOf = (wanted: State) =>
    runs(columns, rows, (cell) => stateOf(cells[cell]) === wanted)
      .map(([row, from, to]) => {
        const right = to === columns ? width : to * cellPx;
        const bottom = row + 1 === rows ? height : (row + 1) * cellPx;
        return `M${from * cellPx} ${row * cellPx}H${right}V${bottom}H${from * cellPx}z`;
      })
      .join('');
  const grid = `grid-${level.level}`;
  return html`<svg class="map" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" aria-hidden="true">
<defs><pattern id="${grid}" width="${cellPx}" height="${cellPx}" patternUnits="userSpaceOnUse"><path class="lines" d="M${cellPx} 0H0V${cellPx}" stroke-width="${Math.ceil(Math.max(width, height) / 400)}"/></pattern></defs>
<use href="#thumbnail" transform="scale(${width} ${height})"/>
<path class="outside" d="${pathOf('outside')}"/><path class="blank" d="${pathOf('blank')}"/><path class="failed" d="${pathOf('failed')}"/>
<rect width="${width}" height="${height}" fill="url(#${grid})"/></svg>`;
}

function stateOf(cell: ReadonlySet<string> | undefined): State {
  if (!cell) return 'outside';
  if (cell.has('failed')) return 'failed';
  return cell.has('analyzed') ? 'analyzed' : 'blank';
}

/** Adjacent cells of a row: [row, from, to). */
function runs(columns: number, rows: number, wanted: (cell: number) => boolean): [number, number, number][] {
  const found: [number, number, number][] = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      if (!wanted(row * columns + column)) continue;
      const from = column;
      while (column + 1 < columns && wanted(row * columns + column + 1)) column++;
      found.push([row, from, column + 1]);
    }
  }
  return found;
}
