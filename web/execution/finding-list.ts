// The list of findings. Only visible rows are in the document, so that 100,000 findings scroll like ten. For the keyboard the list is
// one stop: arrows move the selection, Enter shows it in the image, Escape clears it.
import { at } from '../../pipeline/contract/at.ts';
import { SEVERITY_LOOKS } from '../../pipeline/findings/marks.ts';
import { foreign, make, swatch } from '../shared/element.ts';
import type { Findings } from '../shared/findings.ts';

const ROW_PX = 52; // as in findings.css
/** Rows in the document above and below the visible ones. */
const MARGIN_ROWS = 4;

export interface FindingListEvents {
  onSelect(row: number): void;
  /** Show the row in the image. */
  onOpen(row: number): void;
  onEscape(): void;
}

export interface FindingList {
  show(rows: Uint32Array): void;
  /** Marks the row, and scrolls to it if it is in the list. */
  select(row: number | null): void;
  /** Scrolls the list and what is around it to the selected row. */
  reveal(): void;
}

export function findingList(
  list: HTMLElement,
  findings: Findings,
  { onSelect, onOpen, onEscape }: FindingListEvents,
): FindingList {
  const content = make('div', { className: 'rows' });
  content.setAttribute('role', 'presentation');
  list.replaceChildren(content);
  let rows = new Uint32Array();
  let selected: number | null = null;
  let drawn: { from: number; to: number; selected: number | null; rows: Uint32Array } | null = null;

  const draw = () => {
    const from = Math.max(0, Math.floor(list.scrollTop / ROW_PX) - MARGIN_ROWS);
    const to = Math.min(rows.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW_PX) + MARGIN_ROWS);
    if (drawn?.from === from && drawn.to === to && drawn.selected === selected && drawn.rows === rows) return;
    drawn = { from, to, selected, rows };
    const options = Array.from(rows.subarray(from, to), (row, place) =>
      optionOf(findings, row, { place: from + place, total: rows.length, selected: row === selected }),
    );
    content.replaceChildren(...options);
    const active = list.querySelector('[aria-selected="true"]');
    if (active) list.setAttribute('aria-activedescendant', active.id);
    else list.removeAttribute('aria-activedescendant');
  };
  const placeOfSelected = () => (selected === null ? null : placeIn(rows, selected));
  const scrollTo = (place: number) => {
    const [top, bottom] = [place * ROW_PX, (place + 1) * ROW_PX];
    if (top < list.scrollTop) list.scrollTop = top;
    else if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
  };
  /** From above the first row if no row of the list is selected. */
  const moveBy = (steps: number) => {
    if (rows.length === 0) return;
    const place = (placeOfSelected() ?? -1) + steps;
    onSelect(at(rows, Math.min(rows.length - 1, Math.max(0, place))));
  };
  const openSelected = () => {
    if (selected !== null && placeOfSelected() !== null) onOpen(selected);
  };

  // What stands above the list may grow or shrink: a selected row that was visible stays so.
  let heightPx = list.clientHeight;
  const followSize = () => {
    const place = placeOfSelected();
    if (place !== null && isVisible(place, list.scrollTop, heightPx)) scrollTo(place);
    heightPx = list.clientHeight;
    draw();
  };

  list.addEventListener('scroll', draw, { passive: true });
  new ResizeObserver(followSize).observe(list);
  list.addEventListener('click', ({ target }) => {
    const place = [...content.children].findIndex((option) => target instanceof Node && option.contains(target));
    if (drawn && place >= 0) onOpen(at(rows, drawn.from + place));
  });
  list.addEventListener('keydown', (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(list.clientHeight / ROW_PX) - 1);
    const keys: Readonly<Record<string, () => void>> = {
      ArrowDown: () => moveBy(1),
      ArrowUp: () => moveBy(-1),
      PageDown: () => moveBy(page),
      PageUp: () => moveBy(-page),
      Home: () => moveBy(-rows.length),
      End: () => moveBy(rows.length),
      Enter: openSelected,
      ' ': openSelected,
      Escape: onEscape,
    };
    const press = keys[event.key];
    if (!press) return;
    event.preventDefault();
    press();
  });

  return {
    show(shown) {
      rows = shown.slice();
      content.style.height = `${rows.length * ROW_PX}px`;
      list.scrollTop = (placeOfSelected() ?? 0) * ROW_PX;
      draw();
    },
    select(row) {
      selected = row;
      const place = placeOfSelected();
      if (place !== null) scrollTo(place);
      draw();
    },
    reveal() {
      const place = placeOfSelected();
      if (place === null) return;
      scrollTo(place);
      draw();
      list.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
    },
  };
}

function isVisible(place: number, scrollTop: number, heightPx: number): boolean {
  return (place + 1) * ROW_PX > scrollTop && place * ROW_PX < scrollTop + heightPx;
}

/** Rows ascend. `null` if the row is not among them. */
function placeIn(rows: Uint32Array, row: number): number | null {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (at(rows, middle) < row) low = middle + 1;
    else high = middle;
  }
  return rows[low] === row ? low : null;
}

interface OptionState {
  place: number;
  total: number;
  selected: boolean;
}

function optionOf(findings: Findings, row: number, { place, total, selected }: OptionState): HTMLElement {
  const severity = findings.severityOf(row);
  const text = findings.texts[row];
  const { mark } = SEVERITY_LOOKS[severity];
  const severityName = make('span', { className: 'visually-hidden', textContent: `${severity} ` });
  const shownMark = make('span', {
    className: `severity ${severity}`,
    title: severity,
    textContent: mark === '' ? '' : `${mark} `,
  });
  shownMark.setAttribute('aria-hidden', 'true');
  const option = make(
    'div',
    { className: 'option', id: `option-${row}` },
    swatch(findings.colorOf(row)),
    make('span', { className: 'label' }, severityName, shownMark, foreign(findings.labelOf(row))),
    make('span', { className: 'score', textContent: findings.scoreOf(row).toFixed(2) }),
    make('span', { className: 'soft words' }, `${findings.idOf(row)} `, ...(text === undefined ? [] : [foreign(text)])),
  );
  option.setAttribute('role', 'option');
  option.setAttribute('aria-selected', String(selected));
  option.setAttribute('aria-posinset', String(place + 1));
  option.setAttribute('aria-setsize', String(total));
  option.style.top = `${place * ROW_PX}px`;
  return option;
}
