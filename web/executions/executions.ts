// The first page: a drop zone for an image, and the executions, newest first, as they progress.
import { byId, count, counted, dollars, foreign, make, nameOf } from '../shared/element.ts';
import { type ExecutionState, PHASE_WORDS, restOf, STATUS_WORDS, shareOf, stateFields } from '../shared/execution-state.ts';
import { live, on, REFUSED } from '../shared/live.ts';
import * as read from '../shared/read.ts';
import { acceptUploads } from './upload.ts';

interface ListedExecution extends ExecutionState {
  execution_id: string;
  /** `null` until the image is known. */
  image: string | null;
  started_at: string;
  reason: string | null;
}

const LOST = 'The server is not responding. This page reconnects automatically.';
/** The server lists no more than these. */
const LISTED_MAX = 50;
const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

const readListedExecution: read.Read<ListedExecution> = read.fields({
  ...stateFields,
  execution_id: read.text,
  image: read.nullable(read.text),
  started_at: read.text,
  reason: read.nullable(read.text),
});
const readSnapshot = read.fields({ executions: read.listOf(readListedExecution) });

const list = byId('list', HTMLElement);
const cards = new Map<string, { started: string; card: HTMLElement }>();

acceptUploads();
live(
  '/executions/events',
  {
    snapshot: on(readSnapshot, ({ executions }) => {
      const listed = new Set(executions.map(({ execution_id }) => execution_id));
      for (const id of [...cards.keys()]) if (!listed.has(id)) cards.delete(id);
      for (const execution of executions) show(execution);
      arrange();
    }),
    execution: on(readListedExecution, (execution) => {
      show(execution);
      arrange();
    }),
  },
  (problem) => {
    const connection = byId('connection', HTMLElement);
    connection.hidden = problem === null;
    connection.textContent = problem === 'refused' ? REFUSED : problem && LOST;
  },
);

/** A card is reused, so that its link keeps the focus. */
function show(execution: ListedExecution): void {
  const known = cards.get(execution.execution_id);
  if (known) fill(known.card, execution);
  else cards.set(execution.execution_id, { started: execution.started_at, card: fill(make('li', {}), execution) });
}

function arrange(): void {
  const newestFirst = [...cards.values()].sort((a, b) => (a.started < b.started ? 1 : -1)).map(({ card }) => card);
  if (newestFirst.some((card, place) => list.children[place] !== card) || list.children.length !== newestFirst.length)
    list.replaceChildren(...newestFirst);
  byId('none', HTMLElement).hidden = cards.size > 0;
  byId('older', HTMLElement).hidden = cards.size < LISTED_MAX;
}

function fill(card: HTMLElement, execution: ListedExecution): HTMLElement {
  const { execution_id, status, tiles, image, started_at, reason } = execution;
  const running = status === 'RUNNING';
  const link = card.querySelector('a') ?? make('a', { href: `/executions/${execution_id}` });
  link.replaceChildren(foreign(image === null ? execution_id : nameOf(image)));
  const bar = make('progress', { max: 1, value: shareOf(tiles), hidden: !running });
  bar.setAttribute('aria-label', 'Tiles analyzed');
  const content = [
    make('span', { className: `status ${status.toLowerCase()}`, textContent: STATUS_WORDS[status] }),
    make('time', { className: 'soft', dateTime: started_at, textContent: WHEN.format(new Date(started_at)) }),
    make('p', { textContent: factsOf(execution).join(' · ') }),
    bar,
    ...(reason === null ? [] : [make('p', { className: 'soft', textContent: reason })]),
  ];
  if (!link.isConnected) card.prepend(link);
  for (const old of [...card.children]) if (old !== link) old.remove();
  card.append(...content);
  return card;
}

function factsOf(execution: ListedExecution): string[] {
  const { status, phase, tiles, findings, usage } = execution;
  const running = status === 'RUNNING';
  const facts = [running ? PHASE_WORDS[phase] : counted(findings, 'finding')];
  if (tiles.total > 0) {
    facts.push(`${count(tiles.done)} of ${counted(tiles.total, 'tile')} analyzed`);
    facts.push(...restOf(execution).map(([words, tiles]) => `${count(tiles)} ${words}`));
  }
  if (running && findings > 0) facts.push(`${counted(findings, 'detection')} so far`);
  return [...facts, usage.cost_usd === null ? 'cost unknown' : dollars(usage.cost_usd)];
}
