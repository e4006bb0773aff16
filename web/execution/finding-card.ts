// One finding in full, asked for when it is selected: its words may be long, and there may be 100,000 of them.
import type { Finding } from '../../pipeline/contract/schemas.ts';
import { byId, count, foreign, make } from '../shared/element.ts';

export interface FindingCard {
  show(row: number | null): void;
}

export function findingCard(
  executionId: string,
  { onOpen, onClose }: { onOpen(row: number): void; onClose(): void },
): FindingCard {
  const card = byId('finding', HTMLElement);
  let wanted: number | null = null;
  return {
    show(row) {
      wanted = row;
      if (row === null) {
        card.hidden = true;
        card.replaceChildren();
        return;
      }
      void fetch(`/executions/${executionId}/findings/${row}`)
        .then((response) => (response.ok ? (response.json() as Promise<Finding>) : null))
        .catch(() => null)
        .then((finding) => {
          if (wanted !== row) return; // another was selected meanwhile
          card.replaceChildren(...(finding ? contentOf(finding, () => onOpen(row), onClose) : ['The server does not answer.']));
          card.hidden = false;
        });
    },
  };
}

function contentOf(
  { id, label, severity, score, verified, text, description, box, level, tiles }: Finding,
  onOpen: () => void,
  onClose: () => void,
) {
  const [show, close] = [
    make('button', { type: 'button', textContent: 'Show' }),
    make('button', { type: 'button', textContent: 'Close' }),
  ];
  show.addEventListener('click', onOpen);
  close.addEventListener('click', onClose);
  const seen = level === 0 ? 'in full resolution' : `at 1/${2 ** level}`;
  const facts: [string, Node | string][] = [
    ['severity', make('span', { className: `severity ${severity}`, textContent: severity })],
    ['score', score.toFixed(2)],
    ['second look', verified ?? 'none'],
    ['box', box.map((side) => count(side)).join(', ')],
    ['seen', `${seen}, tile${tiles.length === 1 ? '' : 's'} ${tiles.slice(0, 6).join(', ')}${tiles.length > 6 ? ' …' : ''}`],
  ];
  return [
    make('h3', {}, `${id} `, foreign(label)),
    ...(text === null ? [] : [make('blockquote', { className: 'long' }, foreign(text))]),
    make('p', { className: 'long' }, foreign(description)),
    make('dl', {}, ...facts.map(([name, value]) => make('div', {}, make('dt', { textContent: name }), make('dd', {}, value)))),
    make('p', { className: 'actions' }, show, ' ', close),
  ];
}
