// The first page: a place to drop an image, and the executions, newest first, as they go on.
import type { ListedExecution } from '../../pipeline/progress/events.ts';
import { byId, count, counted, dollars, foreign, make, nameOf } from '../shared/element.ts';
import { live, REFUSED } from '../shared/live.ts';
import { PHASE_WORDS, shareOf } from '../shared/phase.ts';
import { takeUploads } from './upload.ts';

const LOST = 'The server does not answer. This page goes on as soon as it does.';

/** As many as the server tells. */
const TOLD_MAX = 50;

const list = byId('list', HTMLElement);
const cards = new Map<string, { started: string; card: HTMLElement }>();

takeUploads();
live(
  '/executions/events',
  {
    snapshot({ executions }: { executions: ListedExecution[] }) {
      const told = new Set(executions.map(({ execution_id }) => execution_id));
      for (const id of [...cards.keys()]) if (!told.has(id)) cards.delete(id);
      for (const execution of executions) show(execution);
      arrange();
    },
    execution(execution: ListedExecution) {
      show(execution);
      arrange();
    },
  },
  (trouble) => {
    const connection = byId('connection', HTMLElement);
    connection.hidden = trouble === null;
    connection.textContent = trouble === 'refused' ? REFUSED : trouble && LOST;
  },
);

/** A card keeps its place in the document: what is focused in it stays focused. */
function show(execution: ListedExecution): void {
  const known = cards.get(execution.execution_id);
  if (known) fill(known.card, execution);
  else cards.set(execution.execution_id, { started: execution.started_at, card: fill(make('li', {}), execution) });
}

function arrange(): void {
  const newestFirst = [...cards.values()].sort((a, b) => (a.started < b.started ? 1 : -1)).map(({ card }) => card);
  if (newestFirst.some((card, at) => list.children[at] !== card) || list.children.length !== newestFirst.length)
    list.replaceChildren(...newestFirst);
  byId('none', HTMLElement).hidden = cards.size > 0;
  byId('older', HTMLElement).hidden = cards.size < TOLD_MAX;
}

function fill(
  card: HTMLElement,
  { execution_id, status, phase, tiles, findings, image, started_at, usage, reason }: ListedExecution,
): HTMLElement {
  const running = status === 'RUNNING';
  const link = card.querySelector('a') ?? make('a', { href: `/executions/${execution_id}` });
  link.replaceChildren(foreign(image === null ? execution_id : nameOf(image)));
  const started = new Date(started_at);
  const facts = [
    running ? PHASE_WORDS[phase] : counted(findings, 'finding'),
    ...(tiles.total > 0 ? [`${count(tiles.done + tiles.blank + tiles.failed)} of ${counted(tiles.total, 'tile')}`] : []),
    ...(tiles.failed > 0 ? [`${count(tiles.failed)} not seen`] : []),
    ...(running && findings > 0 ? [`${count(findings)} seen so far`] : []),
    dollars(usage.cost_usd),
  ];
  const bar = make('progress', { max: 1, value: shareOf(tiles), hidden: !running });
  bar.setAttribute('aria-label', 'Tiles looked at');
  const content = [
    make('span', { className: `status ${status.toLowerCase()}`, textContent: status.replace('_', ' ').toLowerCase() }),
    make('time', { className: 'soft', dateTime: started_at, textContent: WHEN.format(started) }),
    make('p', { textContent: facts.join(' · ') }),
    bar,
    ...(reason === null ? [] : [make('p', { className: 'soft', textContent: reason })]),
  ];
  // The link itself stays: it may have the focus.
  if (!link.isConnected) card.prepend(link);
  for (const old of [...card.children]) if (old !== link) old.remove();
  card.append(...content);
  return card;
}

const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
