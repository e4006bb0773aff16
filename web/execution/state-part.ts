// The progress of an execution in words and a bar, its notes, and at its end its summary and files.
import { byId, count, dollars, foreign, make } from '../shared/element.ts';
import { type ExecutionState, PHASE_WORDS, restOf, STATUS_WORDS, shareOf } from '../shared/execution-state.ts';
import * as read from '../shared/read.ts';
import { callTool, pathOf } from '../shared/server-requests.ts';
import { actions } from './actions.ts';

const readExecution = read.fields({
  status: read.keyOf(STATUS_WORDS),
  reason: read.nullable(read.text),
  summary: read.nullable(read.text),
  notes: read.optional(read.listOf(read.text)),
  next_step: read.text,
  /** Links by the name of the file, with `_` instead of `.` and `-`. */
  artifacts: read.optional(read.recordOf(read.text)),
});
type Execution = ReturnType<typeof readExecution>;

export interface StatePart {
  show(state: ExecutionState): void;
  /** Asks the server for notes and, at the end, for reason, summary and files. Throws a Refusal if there is no such execution. */
  showDetails(): Promise<void>;
}

export function statePart(executionId: string): StatePart {
  const { offer } = actions(executionId);
  let calls = 0;
  let retry = false;
  return {
    show(state) {
      const { status, phase, tiles } = state;
      const running = status === 'RUNNING';
      const badge = byId('status', HTMLElement);
      badge.textContent = STATUS_WORDS[status];
      badge.className = `status ${status.toLowerCase()}`;
      badge.hidden = false;
      offer({ running, retry: !running && retry });
      byId('retry', HTMLButtonElement).textContent = tiles.failed > 0 ? 'Retry failed tiles' : 'Analyze remaining tiles';
      if (!running) byId('grid-part', HTMLDetailsElement).open = false;
      byId('running-title', HTMLElement).textContent = running ? 'Progress' : 'Result';
      byId('phase', HTMLElement).textContent = running ? PHASE_WORDS[phase] : '';
      const bar = byId('progress', HTMLProgressElement);
      bar.hidden = !running;
      bar.value = shareOf(tiles);
      byId('figures', HTMLElement).replaceChildren(...figuresOf(state));
    },
    async showDetails() {
      const args = { execution_id: executionId, response_format: 'detailed' };
      const call = ++calls;
      const execution = await callTool('get_execution', args, readExecution);
      if (call !== calls) return; // a later call has newer words
      const { status, artifacts, next_step } = execution;
      retry = next_step.includes('retry_failed_tiles');
      offer({ running: status === 'RUNNING', retry });
      showWords(execution);
      const files = Object.entries(artifacts ?? {}).map(([name, url]) => ({ file: fileOf(name), url }));
      const forPeopleFirst = files.sort((a, b) => Number(isForPeople(b.file)) - Number(isForPeople(a.file)));
      byId('files', HTMLElement).replaceChildren(...forPeopleFirst.map(({ file, url }) => make('li', {}, linkTo(file, url))));
    },
  };
}

function figuresOf(state: ExecutionState): HTMLElement[] {
  const { status, tiles, findings, usage } = state;
  return [
    figure('tiles analyzed', `${count(tiles.done)} of ${count(tiles.total)}`),
    ...restOf(state).map(([words, tiles]) => figure(words, count(tiles))),
    figure(status === 'RUNNING' ? 'detections so far' : 'findings', count(findings)),
    figure('cost', dollars(usage.cost_usd)),
  ];
}

function figure(name: string, value: string): HTMLElement {
  return make('div', {}, make('dt', { textContent: name }), make('dd', { textContent: value }));
}

function showWords({ summary, reason, notes = [] }: Pick<Execution, 'summary' | 'reason' | 'notes'>): void {
  byId('summary-part', HTMLElement).hidden = !summary && !reason && notes.length === 0;
  byId('summary-title', HTMLElement).textContent = summary === null ? 'Notes' : 'Summary';
  byId('summary', HTMLElement).replaceChildren(...(summary === null ? [] : withLinks(summary)));
  byId('reason', HTMLElement).textContent = reason;
  byId('reason', HTMLElement).hidden = !reason;
  byId('notes', HTMLElement).replaceChildren(...notes.map((note) => make('li', {}, foreign(note))));
}

/** A summary cites findings by their ids: each citation becomes a link to its finding. */
function withLinks(summary: string): (Node | string)[] {
  return summary
    .split(/\b(f[1-9]\d{0,5})\b/)
    .map((part, place) => (place % 2 === 0 ? part : make('a', { href: `#${part}`, textContent: part })));
}

function fileOf(name: string): string {
  return name.replace(/_(?=[^_]*$)/, '.').replaceAll('_', '-');
}

const isForPeople = (file: string) => file.endsWith('.html') || file.endsWith('.jpg');

function linkTo(file: string, url: string): HTMLElement {
  return make('a', { href: pathOf(url), target: '_blank', rel: 'noopener', textContent: file });
}
