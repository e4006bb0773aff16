// The section on a question: how its answer was found, turn by turn. Pure.
import type { Trace } from '../contract/questions/search-turn.ts';
import { count, foreign, html, type Markup, shortened } from './html.ts';
import type { Section } from './section.ts';

const WORDS_CHARACTERS_MAX = 600;

const STEPS: Record<Trace['turns'][number]['action']['tool'], string> = {
  zoom: 'zoomed in',
  find: 'detected',
  read: 'read the text',
  ask_person: 'asked back',
  answer: 'answered',
};

/** Why the search showed something else than the model asked for, or nothing. */
const REPLIES: Record<NonNullable<Trace['turns'][number]['reply']>, string> = {
  outside: 'The box was not in the image.',
  repeated: 'The model had seen this before.',
  'no-evidence': 'The answer had no evidence.',
  check: 'The evidence was shown again at a higher resolution.',
  'next-region': 'The next region that the model had ranked was shown.',
  'no-looks': 'No look was left.',
  person: 'The person answered.',
  'no-person': 'No person could be asked.',
};

export function searchSection({ question, model, turns }: Trace): Section {
  const body = html`<p>Question: ${foreign(shortened(question, WORDS_CHARACTERS_MAX))}</p>
<table>
<caption>Each turn of ${foreign(model)}</caption>
<thead><tr><th scope="col">Turn</th><th scope="col">Step</th><th scope="col">Left, top, width, height</th><th scope="col">Resolution</th><th scope="col">Notes of the model, and what came of it</th></tr></thead>
<tbody>${turns.map((turn, index) => row(turn, index + 1))}</tbody></table>`;
  return { id: 'search', title: 'How the answer was found', body };
}

function row({ action, reply, look, person }: Trace['turns'][number], number: number): Markup {
  const found = look?.seen ? `Found: ${count(look.seen_total)}.` : null;
  const said = action.tool === 'answer' ? action.text : action.tool === 'ask_person' ? action.question : null;
  const words = [action.note, said, person, found, reply && REPLIES[reply]].filter((part) => part);
  const what = action.tool === 'find' ? html`: ${foreign(shortened(action.what, 100))}` : '';
  return html`
<tr><th scope="row" class="number">${count(number)}</th><td>${STEPS[action.tool]}${what}</td>
<td>${look ? look.box.map(Math.round).join(', ') : ''}</td><td class="number">${look ? `${Math.round((100 * look.width) / look.box[2])} %` : ''}</td>
<td class="words">${foreign(shortened(words.join(' '), WORDS_CHARACTERS_MAX))}</td></tr>`;
}
