// The table of all findings: the first rows as HTML for every reader, all of them as data for the page's script. Pure.
import type { Finding } from '../contract/schemas.ts';
import { count, counted, foreign, html, type Markup, shortened } from './html.ts';
import { rowOf, severityMark, swatch } from './material.ts';
import { descriptionOf, type Rows } from './rows.ts';
import type { Section } from './section.ts';

/** Rows without the script. Their texts are short: 200 rows have at most 0.6 MB, even if every character is escaped. */
const PLAIN_ROWS_MAX = 200;
const PLAIN_TEXT_CHARACTERS_MAX = 200;
const LABEL_CHARACTERS_MAX = 100;

const COLUMNS = [
  { name: 'id', title: 'Finding' },
  { name: 'label', title: 'Label' },
  { name: 'severity', title: 'Severity' },
  { name: 'score', title: 'Score' },
  { name: 'words', title: 'Text and description' },
  { name: 'place', title: 'Left, top · size in px' },
  { name: 'verdict', title: 'Verification' },
] as const;

/** `colored` labels have a color of their own. Findings in `cited` are among the plain rows, so that links to them work without the script. */
export function tableSection(
  ordered: readonly Finding[],
  rows: Rows,
  { cited, colored }: { cited: ReadonlySet<string>; colored: readonly string[] },
): Section | null {
  if (ordered.length === 0) return null;
  const judged = ordered.some(({ verified }) => verified !== null);
  const heads = COLUMNS.filter(({ name }) => judged || name !== 'verdict').map(
    ({ name, title }) => html`<th scope="col" role="columnheader" data-column="${name}">${title}</th>`,
  );
  const plain = plainRows(ordered, cited);
  const left = ordered.length - rows.kept;
  const body = html`${left > 0 && html`<p class="warning">This page contains the ${count(rows.kept)} most important findings. findings.json has ${count(left)} more.</p>`}
${filters()}
<table id="table" role="table" aria-labelledby="findings-title">
<thead role="rowgroup"><tr role="row">${heads}</tr></thead>
<tbody role="rowgroup">${plain.map((finding) => row(finding, { judged, colored }))}</tbody></table>
<nav id="pages" aria-label="Pages of findings" hidden></nav>
<p id="without">Without its script, this page shows ${count(plain.length)} of ${counted(ordered.length, 'finding')} and no filters.</p>
<p class="aside">${rows.shortened && `Texts are cut after ${count(rows.charactersMax)} characters; findings.json has them in full. `}Positions and sizes are in pixels of the upright full image. A score is the model’s own confidence, not a probability.</p>
<script type="application/json" id="rows">${rows.json}</script>`;
  return { id: 'findings', title: 'All findings', body };
}

/** The most important findings, and the cited ones. */
function plainRows(ordered: readonly Finding[], cited: ReadonlySet<string>): Finding[] {
  const behind = ordered.slice(PLAIN_ROWS_MAX).filter(({ id }) => cited.has(id));
  const added = behind.slice(0, PLAIN_ROWS_MAX / 2);
  return [...ordered.slice(0, PLAIN_ROWS_MAX - added.length), ...added];
}

/** Hidden until the script shows them, because they need it. */
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

function row(finding: Finding, { judged, colored }: { judged: boolean; colored: readonly string[] }): Markup {
  const { id, label, severity, score, verified } = finding;
  return html`
<tr id="${rowOf(id)}" role="row" tabindex="-1"><th scope="row" role="rowheader"><a href="#${rowOf(id)}">${id}</a></th>
<td role="cell">${swatch(label, colored, foreign(shortened(label, LABEL_CHARACTERS_MAX)))}</td><td role="cell">${severityMark(severity)}</td>
<td role="cell" class="number">${score.toFixed(2)}</td><td role="cell" class="words">${words(finding)}</td>
<td role="cell" class="number">${place(finding)}</td>${judged && html`<td role="cell">${verified}</td>`}</tr>`;
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
