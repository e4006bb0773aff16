// How the answer to a question was found: its turns in a list. A turn that showed the model a part of the image shows it again.
import { at } from '../../pipeline/contract/at.ts';
import type { Box } from '../../pipeline/contract/schemas.ts';
import type { ShownSearch } from '../../pipeline/searching/turn-words.ts';
import { byId, foreign, make } from '../shared/element.ts';
import * as read from '../shared/read.ts';
import { documentAt } from '../shared/server-requests.ts';
import type { ImagePart } from '../viewer/image-part.ts';

const CHARACTERS_MAX = 2_000;

type Turn = ShownSearch['turns'][number];
const readTurn: read.Read<Turn> = read.fields({
  title: read.text,
  what: read.nullable(read.text),
  words: read.text,
  look: read.nullable(
    read.fields({ box: read.tuple<Box>(read.number, read.number, read.number, read.number), scale: read.number }),
  ),
});
const readSearch: read.Read<ShownSearch> = read.fields({ question: read.text, model: read.text, turns: read.listOf(readTurn) });

/** Nothing is shown for an execution that answers no question, or has not ended. */
export async function showQuestion(executionId: string, image: Pick<ImagePart, 'flyTo'>): Promise<void> {
  const search = await documentAt(`/executions/${executionId}/trace`, readSearch);
  const section = byId('search', HTMLElement);
  if (!search || search.turns.length === 0 || !section.hidden) return;
  const { question, model, turns } = search;
  let current = -1;
  const buttons = turns.map((turn, place) => {
    const button = make('button', { type: 'button', className: 'turn' }, ...titleOf(turn, place));
    button.addEventListener('click', () => show(place));
    return button;
  });
  const [previous, next] = [byId('turn-previous', HTMLButtonElement), byId('turn-next', HTMLButtonElement)];
  const show = (place: number) => {
    current = Math.max(0, Math.min(turns.length - 1, place));
    const { look } = at(turns, current);
    for (const [other, button] of buttons.entries()) button.setAttribute('aria-current', other === current ? 'step' : 'false');
    at(buttons, current).scrollIntoView({ block: 'nearest' });
    previous.disabled = current === 0;
    next.disabled = current === turns.length - 1;
    byId('turn-shown', HTMLElement).textContent = `Turn ${current + 1} of ${turns.length}`;
    if (look) image.flyTo(look.box);
  };
  previous.addEventListener('click', () => show(current - 1));
  next.addEventListener('click', () => show(current + 1));
  section.addEventListener('keydown', (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (steps === undefined) return;
    event.preventDefault();
    show(current + steps);
  });
  byId('search-question', HTMLElement).replaceChildren(foreign(shortened(question)), ' Searched by ', foreign(model), '.');
  byId('turns', HTMLElement).replaceChildren(...turns.map((turn, place) => make('li', {}, at(buttons, place), wordsOf(turn))));
  section.hidden = false;
}

function titleOf({ title, what, look }: Turn, place: number): (Node | string)[] {
  const scale = look ? ` at ${Math.round(100 * look.scale)} %` : '';
  return [`${place + 1} ${title}`, ...(what === null ? [] : [': ', foreign(shortened(what))]), scale];
}

function wordsOf({ words }: Turn): HTMLElement {
  return make('p', { className: 'soft long' }, foreign(shortened(words)));
}

function shortened(text: string): string {
  return text.length > CHARACTERS_MAX ? `${text.slice(0, CHARACTERS_MAX).toWellFormed()}…` : text;
}
