// Draws the failed, not analyzed and blank tiles of a level over the thumbnail. The size of the map is limited for any number of tiles. Pure.
import { at } from '../contract/at.ts';
import type { FindingsDocument } from '../contract/schemas.ts';
import { type PlannedLevel, type PlannedTile, tilesOf } from '../planning/grid.ts';
import type { Plan } from '../planning/plan.ts';
import { count, counted, html, type Markup } from './html.ts';

/** 60 x 60 cells of 32 characters are 115 KB; three levels may be as full. */
const CELLS_MAX = 60;

type State = 'failed' | 'not-analyzed' | 'blank' | 'outside' | 'analyzed';

/** Indexes of tiles. */
interface MissingTiles {
  failed: ReadonlySet<number>;
  notAnalyzed: ReadonlySet<number>;
  blank: ReadonlySet<number>;
}

/** One list item with a map for every level that has failed, not analyzed or blank tiles. */
export function levelMaps(plan: Plan, { failed, notAnalyzed, blank }: MissingTiles): Markup[] {
  if (failed.size + notAnalyzed.size + blank.size === 0) return [];
  const byLevel = Map.groupBy(tilesOf(plan), ({ level }) => level);
  return plan.levels.flatMap((level) => {
    const tiles = byLevel.get(level.level) ?? [];
    const stateOf = ({ index }: PlannedTile): State => {
      if (failed.has(index)) return 'failed';
      if (notAnalyzed.has(index)) return 'not-analyzed';
      return blank.has(index) ? 'blank' : 'analyzed';
    };
    const states = tiles.map(stateOf);
    const countOf = (wanted: State) => count(states.filter((state) => state === wanted).length);
    if (states.every((state) => state === 'analyzed')) return [];
    const name = level.level === 0 ? 'Full resolution' : `1/${2 ** level.level} of the resolution`;
    const words = `${name}: ${counted(tiles.length, 'tile')}, ${countOf('failed')} failed, ${countOf('not-analyzed')} not analyzed, ${countOf('blank')} blank.`;
    return [html`<li><figure>${drawn(level, plan, tiles, states)}<figcaption>${words}</figcaption></figure></li>`];
  });
}

/** The failed and not analyzed tiles of the finest level that has some, in pixels of the full image. `null` if there are none. */
export function gapPaths(plan: Plan, { failed, not_analyzed }: FindingsDocument['tiles']): Markup | null {
  const [failedTiles, notAnalyzed] = [failed, not_analyzed].map((missing) => new Set(missing.map(({ tile }) => tile)));
  const isGap = ({ index }: PlannedTile) => failedTiles?.has(index) || notAnalyzed?.has(index);
  const byLevel = Map.groupBy(tilesOf(plan), ({ level }) => level);
  const level = plan.levels.find((planned) => byLevel.get(planned.level)?.some(isGap));
  if (!level) return null;
  const tiles = byLevel.get(level.level) ?? [];
  const states = tiles.map(
    (tile): State => (failedTiles?.has(tile.index) ? 'failed' : isGap(tile) ? 'not-analyzed' : 'analyzed'),
  );
  const { pathOf } = cellsOf(level, plan, tiles, states);
  const scale = `scale(${plan.width / level.width} ${plan.height / level.height})`;
  return html`<g transform="${scale}"><path class="not-analyzed" d="${pathOf('not-analyzed')}"/><path class="failed" d="${pathOf('failed')}"/></g>`;
}

/** A cell is a tile, or a square of tiles if there are many. It is failed or not analyzed if one of them is, and blank if all are. */
function cellsOf(level: PlannedLevel, { stridePx }: Plan, tiles: readonly PlannedTile[], states: readonly State[]) {
  const side = Math.ceil(Math.max(level.columns, level.rows) / CELLS_MAX);
  const [columns, rows] = [Math.ceil(level.columns / side), Math.ceil(level.rows / side)];
  const cells = new Array<Set<State>>(columns * rows);
  for (const [index, { row, column }] of tiles.entries()) {
    const cell = Math.floor(row / side) * columns + Math.floor(column / side);
    cells[cell] = (cells[cell] ?? new Set()).add(at(states, index));
  }
  const cellPx = side * stridePx;
  const pathOf = (wanted: State) =>
    runs(columns, rows, (cell) => stateOf(cells[cell]) === wanted)
      .map(([row, from, to]) => {
        const right = to === columns ? level.width : to * cellPx;
        const bottom = row + 1 === rows ? level.height : (row + 1) * cellPx;
        return `M${from * cellPx} ${row * cellPx}H${right}V${bottom}H${from * cellPx}z`;
      })
      .join('');
  return { cellPx, pathOf };
}

function drawn(level: PlannedLevel, plan: Plan, tiles: readonly PlannedTile[], states: readonly State[]): Markup {
  const { width, height } = level;
  const { cellPx, pathOf } = cellsOf(level, plan, tiles, states);
  const grid = `grid-${level.level}`;
  return html`<svg class="map" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" aria-hidden="true">
<defs><pattern id="${grid}" width="${cellPx}" height="${cellPx}" patternUnits="userSpaceOnUse"><path class="lines" d="M${cellPx} 0H0V${cellPx}" stroke-width="${Math.ceil(Math.max(width, height) / 400)}"/></pattern></defs>
<use href="#thumbnail" transform="scale(${width} ${height})"/>
<path class="outside" d="${pathOf('outside')}"/><path class="blank" d="${pathOf('blank')}"/><path class="not-analyzed" d="${pathOf('not-analyzed')}"/><path class="failed" d="${pathOf('failed')}"/>
<rect width="${width}" height="${height}" fill="url(#${grid})"/></svg>`;
}

function stateOf(cell: ReadonlySet<State> | undefined): State {
  if (!cell) return 'outside';
  for (const missing of ['failed', 'not-analyzed'] as const) if (cell.has(missing)) return missing;
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
