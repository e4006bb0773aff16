// The table of all findings: the first rows as HTML for every reader, all of them as data for the page's script. Pure.
import type { Finding } from '../core/contract.ts';
import { count, counted, foreign, html, type Markup, shortened } from './html.ts';
import { rowOf, severityMark } from './material.ts';
import { descriptionOf, type Rows } from './rows.ts';

/** Without the script. Their texts are short, so that 200 rows are 1 MB at most, every character escaped. */
export const PLAIN_ROWS_MAX = 200;
const PLAIN_TEXT_CHARACTERS_MAX = 300;
const LABEL_CHARACTERS_MAX = 200;

const COLUMNS = [
  ['id', 'Finding'],
  ['label', 'Label'],
  ['severity', 'Severity'],
  ['score', 'Score'],
  ['words', 'Text and description'],
  ['place', 'Left, top · size in px'],
  ['verdict', 'Second look'],
] as const;

/** `cited` ones are among the plain rows, so that links to them lead somewhere without the script, too. */
export function tableSection(ordered: readonly Finding[], rows: Rows, cited: ReadonlySet<string>): Markup {
  const judged = ordered.some(({ verified }) => verified !== null);
  const columns = COLUMNS.filter(([name]) => judged || name !== 'verdict');
  const plain = plainRows(ordered, cited);
  const left = ordered.length - rows.kept;
  return html`<section aria-labelledby="findings-title" id="findings">
<h2 id="findings-title">All findings</h2>
${ordered.length === 0 && html`<p>Nothing was found.</p>`}
${left > 0 && html`<p class="warning">This page holds the ${count(rows.kept)} most important ones; ${counted(left, 'finding')} more are in findings.json.</p>`}
${ordered.length > 0 && filters()}
${
  ordered.length > 0 &&
  html`<div class="scroll"><table id="table" role="table" aria-labelledby="findings-title">
<thead role="rowgroup"><tr role="row">${columns.map(([name, title]) => html`<th scope="col" role="columnheader" data-column="${name}">${title}</th>`)}</tr></thead>
<tbody role="rowgroup">${plain.map((finding) => row(finding, judged))}</tbody></table></div>
<nav id="pages" aria-label="Pages of findings" hidden></nav>
<noscript><p>Without its script this page shows the ${count(plain.length)} most important of ${counted(ordered.length, 'finding')}, and no filters.</p></noscript>
<p class="aside">${shortenedNote(rows)}Sizes and places are pixels of the upright full picture. A score is the model’s own number, not a probability.</p>
<script type="application/json" id="rows">${rows.json}</script>`
}
</section>`;
}

function shortenedNote({ charactersMax }: Rows): string {
  return `Texts end after ${count(charactersMax)} characters here; findings.json holds them whole. `;
}

function plainRows(ordered: readonly Finding[], cited: ReadonlySet<string>): Finding[] {
  const behind = ordered
    .slice(PLAIN_ROWS_MAX)
    .filter(({ id }) => cited.has(id))
    .slice(0, PLAIN_ROWS_MAX / 2);
  return [...ordered.slice(0, PLAIN_ROWS_MAX - behind.length), ...behind];
}

/** Shown by the script, which is what they need. */
function filters(): Markup {
  return html`<form id="filters" role="search" aria-label="Filter findings" hidden>
<p><label for="words">Words</label><input id="words" type="search" autocomplete="off" spellcheck="false" placeholder="id, label, text"></p>
<p><label for="label">Label</label><select id="label"><option value="">all</option></select></p>
<p><label for="severity">Severity at least</label><select id="severity">
<option value="0">info</option><option value="1">low</option><option value="2">medium</option><option value="3">high</option><option value="4">critical</option></select></p>
<p><label for="score">Score at least</label><input id="score" type="number" min="0" max="1" step="0.05" value="0"></p>
<p><button type="reset">Clear</button></p>
</form>
<p id="shown" role="status"></p>`;
}

function row(finding: Finding, judged: boolean): Markup {
  const { id, label, severity, score, verified } = finding;
  return html`
<tr id="${rowOf(id)}" role="row" tabindex="-1"><th scope="row" role="rowheader"><a href="#${rowOf(id)}">${id}</a></th>
<td role="cell">${foreign(shortened(label, LABEL_CHARACTERS_MAX))}</td><td role="cell">${severityMark(severity)}</td>
<td role="cell" class="number">${score.toFixed(2)}</td><td role="cell" class="words">${words(finding)}</td>
<td role="cell" class="number">${place(finding)}</td>${judged && html`<td role="cell">${verified ?? ''}</td>`}</tr>`;
}

function words(finding: Finding): Markup {
  const { text } = finding;
  const description = descriptionOf(finding);
  return html`${text !== null && html`<q>${foreign(shortened(text, PLAIN_TEXT_CHARACTERS_MAX))}</q> `}${
    description !== '' && foreign(shortened(description, PLAIN_TEXT_CHARACTERS_MAX))
  }`;
}

function place({ box }: Finding): string {
  const [left, top, width, height] = box.map((side) => count(Math.round(side)));
  return `${left}, ${top} · ${width} × ${height}`;
}
