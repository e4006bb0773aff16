// The section on a question: how its answer was found, turn by turn. Pure.
import type { Trace } from '../contract/questions/search-turn.ts';
import { TOOL_WORDS, turnWords } from '../searching/turn-words.ts';
import { count, foreign, html, type Markup, shortened } from './html.ts';
import type { Section } from './section.ts';

const WORDS_CHARACTERS_MAX = 600;

export function searchSection({ question, model, turns }: Trace): Section {
  const body = html`<p>Question: ${foreign(shortened(question, WORDS_CHARACTERS_MAX))}</p>
<table>
<caption>Each turn of ${foreign(model)}</caption>
<thead><tr><th scope="col">Turn</th><th scope="col">Step</th><th scope="col">Left, top, width, height</th><th scope="col">Resolution</th><th scope="col">Notes of the model, and what came of it</th></tr></thead>
<tbody>${turns.map((turn, index) => row(turn, index + 1))}</tbody></table>`;
  return { id: 'search', title: 'How the answer was found', body };
}

function row(turn: Trace['turns'][number], number: number): Markup {
  const { action, look } = turn;
  const what = action.tool === 'find' ? html`: ${foreign(shortened(action.what, 100))}` : '';
  return html`
<tr><th scope="row" class="number">${count(number)}</th><td>${TOOL_WORDS[action.tool]}${what}</td>
<td>${look ? look.box.map(Math.round).join(', ') : ''}</td><td class="number">${look ? `${Math.round((100 * look.width) / look.box[2])} %` : ''}</td>
<td class="words">${foreign(shortened(turnWords(turn), WORDS_CHARACTERS_MAX))}</td></tr>`;
}
