// How far an execution is, in words and a bar; what came of it, its files, and the two things that can be done about it.
import type { Progress, Status } from '../../pipeline/contract/schemas.ts';
import { byId, count, dollars, make } from '../shared/element.ts';
import { callTool, here } from '../shared/mcp-call.ts';
import { PHASE_WORDS, shareOf } from '../shared/phase.ts';

/** What is told of it while it runs and at its end. */
type State = Pick<Progress, 'status' | 'phase' | 'tiles' | 'findings' | 'usage'>;

interface Execution {
  reason: string | null;
  summary: string | null;
  /** Links by the names of the files, which have `_` where those have `.` and `-`. */
  artifacts?: Record<string, string>;
}

const CAN_BE_RETRIED: ReadonlySet<Status> = new Set(['PARTIAL', 'CANCELLED', 'FAILED']);

export interface StatePart {
  show(state: State): void;
  /** Asks for what is told only at the end: summary, reason, files. */
  showEnd(): Promise<void>;
}

export function statePart(executionId: string): StatePart {
  const cancel = byId('cancel', HTMLButtonElement);
  const retry = byId('retry', HTMLButtonElement);
  press(cancel, async () => {
    await callTool('cancel_execution', { execution_id: executionId });
  });
  press(retry, async () => {
    const { execution_id } = await callTool<{ execution_id: string }>('retry_failed_tiles', { execution_id: executionId });
    location.assign(`/executions/${execution_id}`);
  });
  return {
    show({ status, phase, tiles, findings, usage }) {
      const running = status === 'RUNNING';
      const badge = byId('status', HTMLElement);
      badge.textContent = status.replace('_', ' ').toLowerCase();
      badge.className = `status ${status.toLowerCase()}`;
      badge.hidden = false;
      cancel.hidden = !running;
      if (!running) byId('grid-part', HTMLDetailsElement).open = false;
      retry.hidden = !CAN_BE_RETRIED.has(status) || tiles.total === 0; // without tiles there is nothing left to see
      byId('running-title', HTMLElement).textContent = running ? 'How far it is' : 'How it went';
      byId('phase', HTMLElement).textContent = running ? PHASE_WORDS[phase] : '';
      const bar = byId('progress', HTMLProgressElement);
      bar.hidden = !running;
      bar.value = shareOf(tiles);
      byId('figures', HTMLElement).replaceChildren(
        figure('tiles', `${count(tiles.done + tiles.blank + tiles.failed)} / ${count(tiles.total)}`),
        ...(tiles.failed > 0 ? [figure('not seen', count(tiles.failed))] : []),
        ...(tiles.blank > 0 ? [figure('blank', count(tiles.blank))] : []),
        figure(running ? 'seen so far' : 'findings', count(findings)),
        figure('cost', dollars(usage.cost_usd)),
      );
    },
    async showEnd() {
      const execution = await callTool<Execution>('get_execution', { execution_id: executionId, response_format: 'detailed' });
      showWords(execution);
      const artifacts = Object.entries(execution.artifacts ?? {}).map(([name, url]) => ({ file: fileOf(name), url }));
      const forPeopleFirst = artifacts.sort((a, b) => Number(isForPeople(b.file)) - Number(isForPeople(a.file)));
      byId('files', HTMLElement).replaceChildren(...forPeopleFirst.map(({ file, url }) => make('li', {}, linkTo(file, url))));
    },
  };
}

function showWords({ summary, reason }: Execution): void {
  byId('summary-part', HTMLElement).hidden = !summary && !reason;
  byId('summary', HTMLElement).replaceChildren(...withLinks(summary ?? ''));
  byId('reason', HTMLElement).textContent = reason;
  byId('reason', HTMLElement).hidden = !reason;
}

/** Findings are cited by their ids: each is a link to the one that it names. */
function withLinks(text: string): (Node | string)[] {
  return text
    .split(/\b(f[1-9]\d{0,5})\b/)
    .map((part, at) => (at % 2 === 0 ? part : make('a', { href: `#${part}`, textContent: part })));
}

function fileOf(name: string): string {
  return name.replace(/_(?=[^_]*$)/, '.').replaceAll('_', '-');
}

const isForPeople = (file: string) => file.endsWith('.html') || file.endsWith('.jpg');

function linkTo(file: string, url: string): HTMLElement {
  return make('a', { href: here(url), target: '_blank', rel: 'noopener', textContent: file });
}

function figure(name: string, value: string): HTMLElement {
  return make('div', {}, make('dt', { textContent: name }), make('dd', { textContent: value }));
}

/** While it works it cannot be pressed again; a failure is told in its own words. */
function press(button: HTMLButtonElement, work: () => Promise<void>): void {
  button.addEventListener('click', () => {
    button.disabled = true;
    const done = () => {
      button.disabled = false;
    };
    work().then(done, (error: Error) => {
      tellTrouble(error.message);
      done();
    });
  });
}

/** Null: there is none any more. */
export function tellTrouble(sentence: string | null): void {
  const trouble = byId('trouble', HTMLElement);
  trouble.textContent = sentence;
  trouble.hidden = sentence === null;
}
