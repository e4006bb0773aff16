// The list of findings: only the rows that are seen are in the document, so that 100,000 scroll like ten. By keyboard it is one stop:
// arrows move, Enter shows in the image, Escape selects none.
import { foreign, make } from '../shared/element.ts';
import type { Findings } from '../shared/findings.ts';

const ROW_PX = 52; // as in the style
const AROUND = 4;

export interface FindingListEvents {
  /** A row was moved to. */
  onSelect(row: number): void;
  /** A row is to be shown in the image. */
  onOpen(row: number): void;
  onEscape(): void;
}

export interface FindingList {
  show(rows: Uint32Array): void;
  /** Marks the row and scrolls to it, where it is among those shown. */
  select(row: number | null): void;
}

export function findingList(
  list: HTMLElement,
  findings: Findings,
  { onSelect, onOpen, onEscape }: FindingListEvents,
): FindingList {
  const content = make('div', { className: 'rows' });
  content.setAttribute('role', 'presentation');
  list.replaceChildren(content);
  let rows: Uint32Array = new Uint32Array();
  let selected: number | null = null;
  let drawn = '';

  const draw = () => {
    const from = Math.max(0, Math.floor(list.scrollTop / ROW_PX) - AROUND);
    const to = Math.min(rows.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW_PX) + AROUND);
    const now = `${from} ${to} ${selected}`;
    if (now === drawn) return;
    drawn = now;
    content.replaceChildren(
      ...Array.from(rows.subarray(from, to), (row, at) => optionOf(findings, row, from + at, rows.length, row === selected)),
    );
    const active = selected !== null && list.querySelector('[aria-selected="true"]');
    if (active) list.setAttribute('aria-activedescendant', active.id);
    else list.removeAttribute('aria-activedescendant');
  };
  const placeOf = (row: number | null) => (row === null ? -1 : placeIn(rows, row));
  const scrollTo = (place: number) => {
    const [top, bottom] = [place * ROW_PX, (place + 1) * ROW_PX];
    if (top < list.scrollTop) list.scrollTop = top;
    else if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
  };
  const moveBy = (steps: number) => {
    if (rows.length === 0) return;
    const before = placeOf(selected); // -1, before the first, when it is not listed
    const place = Math.min(rows.length - 1, Math.max(0, before + steps));
    onSelect(rows[place] as number);
  };

  list.addEventListener('scroll', draw, { passive: true });
  new ResizeObserver(draw).observe(list);
  list.addEventListener('click', ({ target }) => {
    const option = target instanceof Element ? target.closest<HTMLElement>('[role="option"]') : null;
    if (option) onOpen(Number(option.dataset.row));
  });
  list.addEventListener('keydown', (event) => {
    const page = Math.max(1, Math.floor(list.clientHeight / ROW_PX) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -rows.length, End: rows.length }[event.key];
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (steps !== undefined) moveBy(steps);
    else if ((event.key === 'Enter' || event.key === ' ') && placeOf(selected) >= 0) onOpen(selected as number);
    else if (event.key === 'Escape') onEscape();
    else return;
    event.preventDefault();
  });

  return {
    show(shown) {
      rows = shown;
      drawn = '';
      content.style.height = `${rows.length * ROW_PX}px`;
      list.scrollTop = Math.max(0, placeOf(selected)) * ROW_PX;
      draw();
    },
    select(row) {
      selected = row;
      const place = placeOf(row);
      if (place >= 0) scrollTo(place);
      draw();
    },
  };
}

/** Rows ascend. */
function placeIn(rows: Uint32Array, row: number): number {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rows[middle] as number) < row) low = middle + 1;
    else high = middle;
  }
  return rows[low] === row ? low : -1;
}

function optionOf(findings: Findings, row: number, place: number, all: number, selected: boolean): HTMLElement {
  const severity = findings.severityOf(row);
  const words = findings.texts[row];
  const option = make(
    'div',
    { className: 'option', id: `option-${row}` },
    make(
      'span',
      { className: `severity ${severity}`, title: severity },
      make('span', { className: 'unseen', textContent: `${severity} ` }),
    ),
    make('span', { className: 'label' }, foreign(findings.labelOf(row))),
    make('span', { className: 'score', textContent: findings.scoreOf(row).toFixed(2) }),
    make('span', { className: 'soft words' }, `${findings.idOf(row)} `, ...(words === undefined ? [] : [foreign(words)])),
  );
  option.dataset.row = String(row);
  option.setAttribute('role', 'option');
  option.setAttribute('aria-selected', String(selected));
  option.setAttribute('aria-posinset', String(place + 1));
  option.setAttribute('aria-setsize', String(all));
  option.style.top = `${place * ROW_PX}px`;
  return option;
}
