// The sections on models and cost, and on the scope and the limits of the analysis. Pure.
import { at } from '../contract/at.ts';
import { count, counted, foreign, type Hole, html, type Markup, shortened } from './html.ts';
import type { ReportMaterial } from './material.ts';
import type { Section } from './section.ts';

const NOTES_MAX = 30;
const NOTE_CHARACTERS_MAX = 600;
const LABELS_MAX = 30;

export function modelsSection({ document: { models, usage } }: ReportMaterial): Section {
  const { moderation, detection, verification, synthesis, judge } = models;
  const body = facts([
    ['Moderation', moderation === null ? 'none' : model(moderation)],
    ['Detection', detection.map((id, index) => [index > 0 && ', ', model(id)])],
    ['Verification', verification === null ? 'none' : model(verification)],
    ...judgeFact(judge),
    ['Summary', model(synthesis)],
    ['Tokens in', count(usage.input_tokens)],
    ['Tokens out', count(usage.output_tokens)],
    ['Cost', cost(usage.cost_usd)],
  ]);
  return { id: 'models', title: 'Models, tokens and cost', body };
}

function judgeFact(judge: string | undefined): [name: string, value: Hole][] {
  return judge === undefined ? [] : [['Judge', model(judge)]];
}

export function cost(usd: number | null): string {
  if (usd === null) return 'unknown';
  return `${usd.toLocaleString('en', { maximumFractionDigits: usd < 1 ? 4 : 2 })} USD`;
}

export function limitsSection({ document: { request, notes, tiles }, plan }: ReportMaterial): Section {
  const { ask, plan: wishes } = request;
  const [finest, coarsest] = [at(plan.levels, 0).level, at(plan.levels, plan.levels.length - 1).level];
  const scale = (level: number) => (level === 0 ? 'full resolution' : `1/${2 ** level}`);
  const more = notes.length - NOTES_MAX;
  const body = html`${facts([
    ['Asked for', ask.look_for === null ? 'everything that the models detect' : foreign(ask.look_for)],
    ['Labels', ask.labels.length === 0 ? 'all' : labels(ask.labels)],
    ['Detail', wishes.detail],
    [
      'Levels',
      finest === coarsest ? scale(finest) : `${counted(plan.levels.length, 'level')}, ${scale(finest)} to ${scale(coarsest)}`,
    ],
    ['Tiles', `${count(plan.stridePx + 2 * plan.marginPx)} px, with an overlap of ${count(2 * plan.marginPx)} px`],
    ['Region', plan.region === null ? 'the whole image' : `left, top, width, height: ${plan.region.join(', ')}`],
  ])}
<ul class="notes">${notes.slice(0, NOTES_MAX).map((note) => html`<li>${foreign(shortened(note, NOTE_CHARACTERS_MAX))}</li>`)}
${more > 0 && html`<li>And ${counted(more, 'more note')} in findings.json.</li>`}
${tiles.failed.length + tiles.not_analyzed.length > 0 && html`<li>Objects that lie only in tiles that failed or were not analyzed are missing.</li>`}
${finest > 0 && html`<li>The finest level has ${scale(finest)} of the resolution. Objects of only a few pixels at that level may be missing.</li>`}
<li>Models make mistakes: they miss objects, and report objects that are not there. Descriptions, texts and summaries come from models or from the image.</li></ul>`;
  return { id: 'limits', title: 'Scope and limits', body };
}

function model(id: string): Markup {
  return html`<code>${shortened(id, 200)}</code>`;
}

function labels(all: readonly string[]): Hole {
  const more = all.length - LABELS_MAX;
  return [all.slice(0, LABELS_MAX).map((label, index) => [index > 0 && ', ', foreign(label)]), more > 0 && ` and ${more} more`];
}

function facts(pairs: [name: string, value: Hole][]): Markup {
  return html`<dl>${pairs.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}
