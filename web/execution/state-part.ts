// The progress of an execution in words and a bar; at its end its summary and files; and the buttons that cancel and retry it.
import type { Status } from '../../pipeline/contract/schemas.ts';
import { byId, count, dollars, make } from '../shared/element.ts';
import { type ExecutionState, PHASE_WORDS, STATUS_WORDS, shareOf, tilesBehind } from '../shared/execution-state.ts';
import * as read from '../shared/read.ts';
import { callTool, pathOf } from '../shared/server-requests.ts';

const readExecution = read.fields({
  reason: read.nullable(read.text),
  summary: read.nullable(read.text),
  /** Links by the name of the file, with `_` instead of `.` and `-`. */
  artifacts: read.optional(read.recordOf(read.text)),
});
type Execution = ReturnType<typeof readExecution>;

const readStarted = read.fields({ execution_id: read.text });

const CAN_BE_RETRIED: ReadonlySet<Status> = new Set(['PARTIAL', 'CANCELLED', 'FAILED']);

export interface StatePart {
  show(state: ExecutionState): void;
  /** Asks the server for summary, reason and files, which exist only at the end. */
  showEnd(): Promise<void>;
}

export function statePart(executionId: string): StatePart {
  const cancel = byId('cancel', HTMLButtonElement);
  const retry = byId('retry', HTMLButtonElement);
  onPress(cancel, async () => {
    await callTool('cancel_execution', { execution_id: executionId }, read.anything);
  });
  onPress(retry, async () => {
    const { execution_id } = await callTool('retry_failed_tiles', { execution_id: executionId }, readStarted);
    location.assign(`/executions/${execution_id}`);
  });
  return {
    show(state) {
      const { status, phase, tiles } = state;
      const running = status === 'RUNNING';
      const badge = byId('status', HTMLElement);
      badge.textContent = STATUS_WORDS[status];
      badge.className = `status ${status.toLowerCase()}`;
      badge.hidden = false;
      cancel.hidden = !running;
      if (!running) byId('grid-part', HTMLDetailsElement).open = false;
      retry.hidden = !CAN_BE_RETRIED.has(status) || tiles.total === 0; // without a plan there are no tiles to retry
      byId('running-title', HTMLElement).textContent = running ? 'Progress' : 'Result';
      byId('phase', HTMLElement).textContent = running ? PHASE_WORDS[phase] : '';
      const bar = byId('progress', HTMLProgressElement);
      bar.hidden = !running;
      bar.value = shareOf(tiles);
      byId('figures', HTMLElement).replaceChildren(...figuresOf(state));
    },
    async showEnd() {
      const args = { execution_id: executionId, response_format: 'detailed' };
      const { summary, reason, artifacts } = await callTool('get_execution', args, readExecution);
      showWords({ summary, reason });
      const files = Object.entries(artifacts ?? {}).map(([name, url]) => ({ file: fileOf(name), url }));
      const forPeopleFirst = files.sort((a, b) => Number(isForPeople(b.file)) - Number(isForPeople(a.file)));
      byId('files', HTMLElement).replaceChildren(...forPeopleFirst.map(({ file, url }) => make('li', {}, linkTo(file, url))));
    },
  };
}

function figuresOf({ status, tiles, findings, usage }: ExecutionState): HTMLElement[] {
  const figures = [figure('tiles', `${count(tilesBehind(tiles))} / ${count(tiles.total)}`)];
  if (tiles.failed > 0) figures.push(figure('not analyzed', count(tiles.failed)));
  if (tiles.blank > 0) figures.push(figure('blank', count(tiles.blank)));
  figures.push(figure(status === 'RUNNING' ? 'detections so far' : 'findings', count(findings)));
  figures.push(figure('cost', dollars(usage.cost_usd)));
  return figures;
}

function figure(name: string, value: string): HTMLElement {
  return make('div', {}, make('dt', { textContent: name }), make('dd', { textContent: value }));
}

function showWords({ summary, reason }: Pick<Execution, 'summary' | 'reason'>): void {
  byId('summary-part', HTMLElement).hidden = !summary && !reason;
  byId('summary', HTMLElement).replaceChildren(...(summary === null ? [] : withLinks(summary)));
  byId('reason', HTMLElement).textContent = reason;
  byId('reason', HTMLElement).hidden = !reason;
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

/** The button is disabled while `work` runs. If it fails, its message is shown. */
function onPress(button: HTMLButtonElement, work: () => Promise<void>): void {
  button.addEventListener('click', () => {
    button.disabled = true;
    void work()
      .catch((error: unknown) => showProblem(error instanceof Error ? error.message : String(error)))
      .finally(() => {
        button.disabled = false;
      });
  });
}

/** `null` if there is no problem any more. */
export function showProblem(sentence: string | null): void {
  const problem = byId('problem', HTMLElement);
  problem.textContent = sentence;
  problem.hidden = sentence === null;
}
