// Tiles that were not analyzed: the number, the reasons, and a map. Pure.
import type { FailedTile } from '../contract/schemas.ts';
import { count, counted, foreign, html, type Markup, shortened } from './html.ts';
import type { ReportMaterial } from './material.ts';
import type { Section } from './section.ts';
import { levelMaps } from './tile-map.ts';

const REASONS_MAX = 10;
const EXAMPLES_MAX = 5;

export function gapsSection({ document: { tiles }, plan, blankTiles, images: { thumbnail } }: ReportMaterial): Section {
  const indexes = (missing: readonly FailedTile[]) => new Set(missing.map(({ tile }) => tile));
  const maps = levelMaps(plan, {
    failed: indexes(tiles.failed),
    notAnalyzed: indexes(tiles.not_analyzed),
    blank: new Set(blankTiles ?? []),
  });
  const body = html`<p>${counted(tiles.total, 'tile')}: ${count(tiles.done)} analyzed, ${count(tiles.blank)} blank, ${count(tiles.failed.length)} failed, ${count(tiles.not_analyzed.length)} not analyzed.
${tiles.blank > 0 && 'A blank tile has a single color; no model analyzes it.'}
${blankTiles === null && 'The positions of the blank tiles are not known.'}
${plan.region !== null && `Only the region at left, top, width, height ${plan.region.join(', ')} was analyzed.`}</p>
${tiles.failed.length > 0 && reasons('Why tiles failed', tiles.failed)}
${tiles.not_analyzed.length > 0 && reasons('Why tiles were not analyzed', tiles.not_analyzed)}
${maps.length > 0 && legend(plan.region !== null)}
${maps.length > 0 && thumbnail !== null && shared(thumbnail.base64)}
${maps.length > 0 && html`<ul class="maps" role="list">${maps}</ul>`}`;
  return { id: 'gaps', title: 'What was not analyzed', body };
}

function legend(withOutside: boolean): Markup {
  const outside = withOutside && html`<span class="outside">outside the region</span>`;
  return html`<p class="legend" aria-hidden="true"><span class="failed">failed</span> <span class="not-analyzed">not analyzed</span> <span class="blank">blank</span> ${outside}</p>`;
}

/** One unit wide and high; every map scales it to its own size. */
function shared(base64: string): Markup {
  return html`<svg class="visually-hidden" aria-hidden="true"><defs>
<image id="thumbnail" href="data:image/jpeg;base64,${base64}" width="1" height="1" preserveAspectRatio="none"/></defs></svg>`;
}

function reasons(caption: string, missing: readonly FailedTile[]): Markup {
  const groups = [...Map.groupBy(missing, ({ reason }) => reason)].sort(([, a], [, b]) => b.length - a.length);
  const more = groups.length - REASONS_MAX;
  return html`<table>
<caption>${caption}</caption>
<thead><tr><th scope="col">Reason</th><th scope="col">Tiles</th><th scope="col">For example at left, top, width, height</th></tr></thead>
<tbody>${groups.slice(0, REASONS_MAX).map(
    ([reason, group]) => html`
<tr><th scope="row" class="words">${foreign(shortened(reason, 500))}</th><td class="number">${count(group.length)}</td>
<td>${group.slice(0, EXAMPLES_MAX).map(({ tile, box }) => html`tile ${tile} at ${box.join(', ')}<br>`)}</td></tr>`,
  )}</tbody></table>
${more > 0 && html`<p class="aside">And ${counted(more, 'more reason')}; findings.json has all of them.</p>`}`;
}
