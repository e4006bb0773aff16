// The filters as people set them: severity (with the colours of the boxes), score, second look and label, each choice with the number
// of findings that it would show.
import { byId, count, foreign, make } from '../shared/element.ts';
import { type Findings, SEVERITIES, VERDICTS } from '../shared/findings.ts';
import { FIRST_FILTER, type Filter, type Filtered, filtered } from './filter.ts';

/** Labels that are listed; words find the others. */
const LABELS_LISTED_MAX = 150;
const SEARCH_FROM = 12;
const VERDICT_WORDS = {
  none: 'not looked at again',
  confirmed: 'confirmed',
  corrected: 'corrected',
  rejected: 'rejected',
} as const;

type Left = 'withoutLabels' | 'withoutSeverities' | 'withoutVerdicts';

export interface FilterForm {
  now(): Filtered;
  /** Takes back every filter: somebody asked for a finding that none of them may hide. */
  clear(): void;
}

export function filterForm(findings: Findings, onChange: (shown: Filtered) => void): FilterForm {
  let filter: Filter = FIRST_FILTER;
  let shown = filtered(findings, filter);
  const parts: Part[] = [];
  const change = (change: Partial<Filter>) => {
    filter = { ...filter, ...change };
    shown = filtered(findings, filter);
    for (const { update } of parts) update(filter, shown);
    onChange(shown);
  };
  const without = (name: Left) => (place: number, included: boolean) => {
    const left = new Set(filter[name]);
    if (included) left.delete(place);
    else left.add(place);
    change({ [name]: left });
  };

  const severities = SEVERITIES.map((name, place) => ({ place, name, mark: `severity ${name}` })).toReversed();
  parts.push(
    checks(byId('severities', HTMLElement), severities, 'withoutSeverities', 'bySeverity', without('withoutSeverities')),
  );
  const verdicts = VERDICTS.map((name, place) => ({ place, name: VERDICT_WORDS[name], mark: '' }));
  parts.push(checks(byId('verdicts', HTMLElement), verdicts, 'withoutVerdicts', 'byVerdict', without('withoutVerdicts')));
  byId('verdict-part', HTMLElement).hidden = !findings.verdict.some((verdict) => verdict > 0);
  parts.push(scorePart(change));
  parts.push(labelPart(findings, shown, change, without('withoutLabels')));
  for (const { update } of parts) update(filter, shown);

  return {
    now: () => shown,
    clear: () =>
      change({
        withoutLabels: new Set(),
        withoutSeverities: new Set(),
        withoutVerdicts: new Set(),
        scoreFrom: 0,
        scoreTo: 1_000,
      }),
  };
}

/** One group of the form, which shows the filter as it is. */
interface Part {
  update(filter: Filter, shown: Filtered): void;
}

interface Choice {
  place: number;
  name: string;
  mark: string;
}

function checks(
  container: HTMLElement,
  choices: readonly Choice[],
  left: Left,
  counts: 'byLabel' | 'bySeverity' | 'byVerdict',
  onSet: (place: number, included: boolean) => void,
): Part {
  const boxes = choices.map(({ place, name, mark }) => {
    const box = make('input', { type: 'checkbox' });
    const number = make('span', { className: 'number' });
    box.addEventListener('change', () => onSet(place, box.checked));
    return { place, box, number, label: make('label', {}, box, make('span', { className: mark }, foreign(name)), ' ', number) };
  });
  container.replaceChildren(...boxes.map(({ label }) => label));
  return {
    update(filter, shown) {
      for (const { place, box, number } of boxes) {
        box.checked = !filter[left].has(place);
        number.textContent = count(shown[counts][place] ?? 0);
      }
    },
  };
}

function scorePart(change: (change: Partial<Filter>) => void): Part {
  const [from, to] = [byId('score-from', HTMLInputElement), byId('score-to', HTMLInputElement)];
  const [fromShown, toShown] = [byId('score-from-shown', HTMLOutputElement), byId('score-to-shown', HTMLOutputElement)];
  // The one that is moved pushes the other.
  from.addEventListener('input', () =>
    change({ scoreFrom: from.valueAsNumber * 10, scoreTo: Math.max(to.valueAsNumber, from.valueAsNumber) * 10 }),
  );
  to.addEventListener('input', () =>
    change({ scoreTo: to.valueAsNumber * 10, scoreFrom: Math.min(from.valueAsNumber, to.valueAsNumber) * 10 }),
  );
  return {
    update({ scoreFrom, scoreTo }) {
      [from.valueAsNumber, to.valueAsNumber] = [scoreFrom / 10, scoreTo / 10];
      fromShown.textContent = (scoreFrom / 1_000).toFixed(2);
      toShown.textContent = (scoreTo / 1_000).toFixed(2);
    },
  };
}

/** The commonest first. */
function labelPart(
  { labels }: Findings,
  { byLabel }: Filtered,
  change: (change: Partial<Filter>) => void,
  onSet: (place: number, included: boolean) => void,
): Part {
  const container = byId('labels', HTMLElement);
  const words = byId('label-words', HTMLInputElement);
  const inOrder = labels
    .map((name, place) => ({ place, name, mark: '' }))
    .sort((a, b) => (byLabel[b.place] ?? 0) - (byLabel[a.place] ?? 0));
  words.hidden = labels.length < SEARCH_FROM;
  let last: Parameters<Part['update']> | null = null;
  let part: Part = { update: () => {} };
  const list = () => {
    const wanted = words.value.trim().toLowerCase();
    const found = inOrder.filter(({ name }) => name.toLowerCase().includes(wanted));
    part = checks(container, found.slice(0, LABELS_LISTED_MAX), 'withoutLabels', 'byLabel', onSet);
    const more = found.length - LABELS_LISTED_MAX;
    if (more > 0)
      container.append(make('p', { className: 'soft', textContent: `and ${count(more)} more labels: words find them` }));
    if (last) part.update(...last);
  };
  list();
  words.addEventListener('input', list);
  byId('labels-all', HTMLButtonElement).addEventListener('click', () => change({ withoutLabels: new Set() }));
  byId('labels-none', HTMLButtonElement).addEventListener('click', () => change({ withoutLabels: new Set(labels.keys()) }));
  return {
    update(...now) {
      last = now;
      part.update(...now);
    },
  };
}
