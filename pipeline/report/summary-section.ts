// The sections with the summary, whose citations are links, and with the counts by label and severity. Pure.
import type { Finding, Severity } from '../contract/schemas.ts';
import { byLabel } from '../findings/finding-order.ts';
import { coloredLabels, countsByLabel } from '../findings/marks.ts';
import { isRejected } from '../findings/verification.ts';
import { count, counted, foreign, type Hole, html, type Markup, shortened } from './html.ts';
import { type ReportMaterial, rowOf, SEVERITIES_FALLING, severityMark, swatch } from './material.ts';
import type { Section } from './section.ts';

const SUMMARY_CHARACTERS_MAX = 10_000;
/** More labels make no readable chart. The table's filter has 200 labels, and its search field finds all. */
const LABELS_MAX = 15;
const LABEL_CHARACTERS_MAX = 100;

/** `linked` has the ids of findings that have a row. */
export function summarySection({ document, reason }: ReportMaterial, linked: ReadonlySet<string>): Section {
  const body = html`${reason !== null && html`<p class="warning">${foreign(shortened(reason, 1_000))}</p>`}
<p class="long">${withLinks(shortened(document.summary, SUMMARY_CHARACTERS_MAX), linked)}</p>`;
  return { id: 'summary', title: 'Summary', body };
}

/** The ids that a text cites. */
export function citedIn(text: string): string[] {
  return [...new Set(text.match(/\bf\d+\b/g))];
}

function withLinks(text: string, linked: ReadonlySet<string>): Markup {
  const parts = text
    .split(/\b(f\d+)\b/)
    .map((part): Hole => (linked.has(part) ? html`<a href="#${rowOf(part)}">${part}</a>` : part));
  return html`<bdi>${parts}</bdi>`;
}

export function countsSection({ document }: ReportMaterial): Section {
  const findings = document.findings.filter((finding) => !isRejected(finding));
  const rejected = document.findings.length - findings.length;
  const note = rejected > 0 && html`<p>Without ${counted(rejected, 'finding')} that verification rejected.</p>`;
  const [id, title] = ['counts', 'What was found'];
  if (findings.length === 0) return { id, title, body: html`<p>Nothing was found.</p>${note}` };
  const groups = byLabel(findings);
  const most = groups[0]?.[1].length ?? 1;
  const severities = SEVERITIES_FALLING.map((severity) => ({ severity, count: countOf(findings, severity) }));
  const mostSevere = Math.max(...severities.map((group) => group.count));
  const more = groups.length - LABELS_MAX;
  const colored = coloredLabels(countsByLabel(document.findings));
  const body = html`<div class="charts">
${chart(
  'By label',
  'label',
  groups.slice(0, LABELS_MAX).map(([label, group]) => {
    const parts = SEVERITIES_FALLING.map((severity) => ({ severity, count: countOf(group, severity) }));
    const name = swatch(label, colored, foreign(shortened(label, LABEL_CHARACTERS_MAX)));
    return { name, total: group.length, bar: bar(parts, most) };
  }),
  more > 0
    ? `And ${counted(more, 'more label')} with ${counted(restOf(groups), 'finding')} in total. Search for them in the table below.`
    : null,
)}
${chart(
  'By severity',
  'severity',
  severities.map((group) => ({ name: severityMark(group.severity), total: group.count, bar: bar([group], mostSevere) })),
  null,
)}
</div>
${note}`;
  return { id, title, body };
}

function restOf(groups: [string, Finding[]][]): number {
  return groups.slice(LABELS_MAX).reduce((sum, [, group]) => sum + group.length, 0);
}

function countOf(findings: readonly Finding[], severity: Severity): number {
  return findings.reduce((sum, finding) => sum + Number(finding.severity === severity), 0);
}

/** A table, so that every reader gets the numbers; the bars repeat them. */
function chart(title: string, of: string, rows: { name: Markup; total: number; bar: Markup }[], more: string | null): Markup {
  return html`<div><table class="chart">
<caption>${title}</caption>
<thead class="visually-hidden"><tr><th scope="col">${of}</th><th scope="col">findings</th><td></td></tr></thead>
<tbody>${rows.map(
    ({ name, total, bar }) => html`
<tr><th scope="row">${name}</th><td class="number">${count(total)}</td><td class="bar">${bar}</td></tr>`,
  )}
</tbody></table>${more !== null && html`<p class="aside">${more}</p>`}</div>`;
}

/** In hundredths of the longest bar; a part that is not empty is at least one hundredth wide. */
function bar(parts: { severity: Severity; count: number }[], most: number): Markup {
  let left = 0;
  const pieces = parts
    .filter((part) => part.count > 0)
    .map((part) => {
      const width = Math.max(1, (100 * part.count) / most);
      const from = left;
      left += width;
      return html`<rect class="${part.severity}" x="${from.toFixed(2)}" width="${width.toFixed(2)}" height="10"/>`;
    });
  return html`<svg viewBox="0 0 ${Math.max(100, left).toFixed(2)} 10" preserveAspectRatio="none" aria-hidden="true">${pieces}</svg>`;
}
