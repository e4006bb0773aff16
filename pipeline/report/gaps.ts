// What was not seen: a map of the tiles of each level, and why tiles failed. Pure; bounded for any number of tiles.
import type { FailedTile } from '../core/contract.ts';
import { type Plan, type PlannedLevel, type PlannedTile, tilesOf } from '../core/plan.ts';
import { count, counted, foreign, html, type Markup, shortened } from './html.ts';
import type { ReportMaterial } from './material.ts';

/** A map has at most 80 x 80 cells; runs of cells are one piece of 20 characters, so a level is at most 64 KB. */
const CELLS_MAX = 80;
const REASONS_MAX = 10;
const EXAMPLES_MAX = 5;

type State = 'failed' | 'blank' | 'outside';

export function gapsSection({ document: { tiles }, plan, blankTiles, pictures: { thumbnail } }: ReportMaterial): Markup {
  const seen = html`<p>${counted(tiles.total, 'tile')}: ${count(tiles.done)} looked at, ${count(tiles.blank)} blank, ${count(tiles.failed.length)} not seen.
${tiles.blank > 0 && 'A blank tile is of one colour all over; no model was asked.'}
${blankTiles === null && 'Where the blank ones are is not recorded.'}
${plan.region !== null && html`Only the region [${plan.region.join(', ')}] was looked at.`}</p>`;
  const failed = new Set(tiles.failed.map(({ tile }) => tile));
  const maps = levelMaps(plan, failed, new Set(blankTiles ?? []));
  const shape =
    thumbnail &&
    html`<svg class="unseen" aria-hidden="true"><defs><image id="thumbnail" href="data:image/jpeg;base64,${thumbnail.base64}" width="1" height="1" preserveAspectRatio="none"/></defs></svg>`;
  return html`<section aria-labelledby="gaps-title" id="gaps">
<h2 id="gaps-title">What was not seen</h2>
${seen}
${tiles.failed.length > 0 && reasons(tiles.failed)}
${
  maps.length > 0 &&
  html`${shape}<p class="legend" aria-hidden="true"><span class="failed">not seen</span> <span class="blank">blank</span> ${plan.region !== null && html`<span class="outside">outside the region</span>`}</p>
<ul class="maps" role="list">${maps}</ul>`
}
</section>`;
}

function reasons(failed: readonly FailedTile[]): Markup {
  const groups = [...Map.groupBy(failed, ({ reason }) => reason)].sort(([, a], [, b]) => b.length - a.length);
  const more = groups.length - REASONS_MAX;
  return html`<table>
<caption>Why tiles were not seen</caption>
<thead><tr><th scope="col">Reason</th><th scope="col">Tiles</th><th scope="col">For example at left, top, width, height</th></tr></thead>
<tbody>${groups.slice(0, REASONS_MAX).map(
    ([reason, group]) => html`
<tr><th scope="row" class="words">${foreign(shortened(reason, 500))}</th><td class="number">${count(group.length)}</td>
<td>${group.slice(0, EXAMPLES_MAX).map(({ tile, box }) => html`tile ${tile} at ${box.join(', ')}<br>`)}</td></tr>`,
  )}</tbody></table>
${more > 0 && html`<p class="aside">And ${counted(more, 'more reason')}: findings.json holds all.</p>`}`;
}

/** One map for every level on which something was not seen. */
function levelMaps(plan: Plan, failed: ReadonlySet<number>, blank: ReadonlySet<number>): Markup[] {
  if (failed.size === 0 && blank.size === 0) return [];
  const byLevel = Map.groupBy(tilesOf(plan), ({ level }) => level);
  return plan.levels.flatMap((level) => {
    const tiles = byLevel.get(level.level) ?? [];
    const stateOf = ({ index }: PlannedTile) => (failed.has(index) ? 'failed' : blank.has(index) ? 'blank' : 'seen');
    const states = tiles.map(stateOf);
    const [missing, empty] = [states.filter((state) => state === 'failed'), states.filter((state) => state === 'blank')];
    if (missing.length + empty.length === 0) return [];
    const name = level.level === 0 ? 'Full resolution' : `1/${2 ** level.level} of the resolution`;
    const words = `${name}: of ${counted(tiles.length, 'tile')}, ${count(missing.length)} not seen and ${count(empty.length)} blank.`;
    return [html`<li><figure>${map(level, plan, tiles, states)}<figcaption>${words}</figcaption></figure></li>`];
  });
}

/** A cell is a tile, or a square of tiles where there are many: not seen when one of them was not, blank when all are. */
function map(level: PlannedLevel, plan: Plan, tiles: readonly PlannedTile[], states: readonly string[]): Markup {
  const { width, height } = level;
  const side = Math.ceil(Math.max(level.columns, level.rows) / CELLS_MAX);
  const [columns, rows] = [Math.ceil(level.columns / side), Math.ceil(level.rows / side)];
  const cells = new Array<Set<string>>(columns * rows);
  for (const [at, { row, column }] of tiles.entries()) {
    const cell = Math.floor(row / side) * columns + Math.floor(column / side);
    cells[cell] = (cells[cell] ?? new Set()).add(states[at] ?? '');
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

function stateOf(cell: ReadonlySet<string> | undefined): State | 'seen' {
  if (!cell) return 'outside';
  if (cell.has('failed')) return 'failed';
  return cell.has('seen') ? 'seen' : 'blank';
}

/** Neighbouring cells of a row: [row, from, to). */
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
