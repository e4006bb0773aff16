// What was asked, with which models, what it cost, and how far all of this can be trusted. Pure.
import { count, counted, foreign, type Hole, html, type Markup, shortened } from './html.ts';
import type { ReportMaterial } from './material.ts';
import type { Section } from './section.ts';

const NOTES_MAX = 30;
const NOTE_CHARACTERS_MAX = 600;
const LABELS_MAX = 30;

export function modelsSection({ document: { models, usage } }: ReportMaterial): Section {
  const { moderation, detection, verification, synthesis } = models;
  const body = facts([
    ['Moderation', moderation === null ? 'none' : model(moderation)],
    ['Detection', detection.map((id, at) => [at > 0 && ', ', model(id)])],
    ['Second look', verification === null ? 'none' : model(verification)],
    ['Summary', model(synthesis)],
    ['Tokens in', count(usage.input_tokens)],
    ['Tokens out', count(usage.output_tokens)],
    ['Cost', cost(usage.cost_usd)],
  ]);
  return { id: 'models', title: 'Models, tokens and cost', body };
}

export function cost(usd: number): string {
  return `${usd.toLocaleString('en', { maximumFractionDigits: usd < 1 ? 4 : 2 })} USD`;
}

export function limitsSection({ document: { request, notes, tiles }, plan }: ReportMaterial): Section {
  const { ask, plan: wishes } = request;
  const [finest, coarsest] = [plan.levels[0]?.level ?? 0, plan.levels.at(-1)?.level ?? 0];
  const shrunk = (level: number) => (level === 0 ? 'full resolution' : `1/${2 ** level}`);
  const more = notes.length - NOTES_MAX;
  const body = html`${facts([
    ['Looked for', ask.look_for === null ? 'everything that the models know' : foreign(ask.look_for)],
    ['Labels', ask.labels.length === 0 ? 'all' : labels(ask.labels)],
    ['Detail', wishes.detail],
    [
      'Levels',
      finest === coarsest ? shrunk(finest) : `${counted(plan.levels.length, 'level')}, ${shrunk(finest)} to ${shrunk(coarsest)}`,
    ],
    ['Tiles', `of ${count(plan.stridePx + 2 * plan.marginPx)} px, neighbours share ${count(2 * plan.marginPx)} px`],
    ['Region', plan.region === null ? 'the whole image' : `left, top, width, height: ${plan.region.join(', ')}`],
  ])}
<ul class="notes">${notes.slice(0, NOTES_MAX).map((note) => html`<li>${foreign(shortened(note, NOTE_CHARACTERS_MAX))}</li>`)}
${more > 0 && html`<li>And ${counted(more, 'more note')} in findings.json.</li>`}
${tiles.failed.length > 0 && html`<li>What lies only in tiles that were not seen is missing here.</li>`}
${finest > 0 && html`<li>The finest level is ${shrunk(finest)} of the resolution: what is only a few pixels wide there may be missing.</li>`}
<li>Models err: they miss things, and see things that are not there. Descriptions, texts and summaries are their words, or were read in the image.</li></ul>`;
  return { id: 'limits', title: 'Scope and limits', body };
}

function model(id: string): Markup {
  return html`<code>${shortened(id, 200)}</code>`;
}

function labels(all: readonly string[]): Hole {
  const more = all.length - LABELS_MAX;
  return [all.slice(0, LABELS_MAX).map((label, at) => [at > 0 && ', ', foreign(label)]), more > 0 && ` and ${more} more`];
}

function facts(pairs: [name: string, value: Hole][]): Markup {
  return html`<dl>${pairs.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}
