// One finding in full. It is loaded when it is selected, because its texts may be long and there may be 100,000 findings.
import type { Finding } from '../../pipeline/contract/schemas.ts';
import { byId, count, foreign, make, severityMark } from '../shared/element.ts';
import { SEVERITIES } from '../shared/findings.ts';
import * as read from '../shared/read.ts';
import { documentAt } from '../shared/server-requests.ts';

const TILES_NAMED_MAX = 6;
const VERDICTS = ['confirmed', 'corrected', 'rejected'] as const;

const readFinding: read.Read<Finding> = read.fields({
  id: read.text,
  label: read.text,
  description: read.text,
  score: read.number,
  severity: read.oneOf(SEVERITIES),
  box: read.tuple<Finding['box']>(read.number, read.number, read.number, read.number),
  text: read.nullable(read.text),
  level: read.number,
  tiles: read.listOf(read.number),
  verified: read.nullable(read.oneOf(VERDICTS)),
  angle: read.optional(read.number),
  alternatives: read.optional(read.listOf(read.fields({ label: read.text, score: read.number }))),
  said_by: read.optional(read.listOf(read.text)),
  judged: read.optional(read.fields({ by: read.text, verdict: read.oneOf(VERDICTS), label: read.optional(read.text) })),
});

export interface FindingCard {
  /** `null` closes the card. */
  show(row: number | null): void;
}

export function findingCard(
  executionId: string,
  { onOpen, onClose }: { onOpen(row: number): void; onClose(): void },
): FindingCard {
  const card = byId('finding', HTMLElement);
  let wanted: number | null = null;

  const load = async (row: number) => {
    const finding = await documentAt(`/executions/${executionId}/findings/${row}`, readFinding);
    if (wanted !== row) return; // another one was selected meanwhile
    const content = finding ? contentOf(finding, () => onOpen(row), onClose) : ['The server is not responding.'];
    card.replaceChildren(...content);
    card.hidden = false;
  };

  return {
    show(row) {
      wanted = row;
      if (row !== null) {
        void load(row);
        return;
      }
      card.hidden = true;
      card.replaceChildren();
    },
  };
}

function contentOf(finding: Finding, onOpen: () => void, onClose: () => void): HTMLElement[] {
  const { id, label, text, description } = finding;
  const show = make('button', { type: 'button', textContent: 'Show in image' });
  const close = make('button', { type: 'button', textContent: 'Close' });
  show.addEventListener('click', onOpen);
  close.addEventListener('click', onClose);
  return [
    make('h3', {}, `${id} `, foreign(label)),
    ...(text === null ? [] : [make('blockquote', { className: 'long' }, foreign(text))]),
    make('p', { className: 'long' }, foreign(description)),
    make('dl', {}, ...factsOf(finding)),
    make('p', { className: 'actions' }, show, ' ', close),
  ];
}

function factsOf({ severity, score, verified, box, angle, level, tiles, alternatives, said_by, judged }: Finding): HTMLElement[] {
  const [left, top, width, height] = box.map((side) => count(side));
  const resolution = level === 0 ? 'full resolution' : `1/${2 ** level} of full resolution`;
  const named = tiles.slice(0, TILES_NAMED_MAX).join(', ');
  const more = tiles.length > TILES_NAMED_MAX ? ` and ${count(tiles.length - TILES_NAMED_MAX)} more` : '';
  return [
    fact('severity', severityMark(severity)),
    fact('score', score.toFixed(2)),
    fact('verification', verified ?? 'not verified'),
    fact('box', `${width} × ${height} px at ${left}, ${top}`),
    ...(angle === undefined ? [] : [fact('angle', `${angle}° clockwise`)]),
    fact('detected at', `${resolution}, in ${tiles.length === 1 ? 'tile' : 'tiles'} ${named}${more}`),
    ...(alternatives
      ? [fact('or', foreign(alternatives.map((other) => `${other.label} ${other.score.toFixed(2)}`).join(', ')))]
      : []),
    ...(said_by ? [fact('reported by', foreign(said_by.join(', ')))] : []),
    ...(judged ? [fact('judge', judgement(judged))] : []),
  ];
}

/** `corrected by openai:judge, from "lake"` */
function judgement({ by, verdict, label }: NonNullable<Finding['judged']>): HTMLElement {
  const words = [`${verdict} by `, foreign(by)];
  return make('span', {}, ...words, ...(label === undefined ? [] : [', from “', foreign(label), '”']));
}

function fact(name: string, value: Node | string): HTMLElement {
  return make('div', {}, make('dt', { textContent: name }), make('dd', {}, value));
}
