// The inputs of the filter form. Each one shows the filter as it is, and reports what people choose.
import { at } from '../../pipeline/contract/at.ts';
import { byId, count, foreign, make } from '../shared/element.ts';
import type { Filter, Filtered } from './filter.ts';

/** The labels in the list; a search finds the rest. */
const LABELS_LISTED_MAX = 150;
/** Fewer labels need no search. */
const SEARCH_FROM = 12;

export interface FilterInput {
  update(filter: Filter, shown: Filtered): void;
}

interface Choice {
  place: number;
  name: string;
  /** Class of its mark. */
  mark: string;
}

interface Choices {
  isHidden(filter: Filter, place: number): boolean;
  counts(shown: Filtered): Uint32Array;
  onChoose(place: number, included: boolean): void;
}

export function checkboxes(
  container: HTMLElement,
  choices: readonly Choice[],
  { isHidden, counts, onChoose }: Choices,
): FilterInput {
  const boxes = choices.map(({ place, name, mark }) => {
    const box = make('input', { type: 'checkbox' });
    const number = make('span', { className: 'number' });
    box.addEventListener('change', () => onChoose(place, box.checked));
    const label = make('label', {}, box, make('span', { className: mark }, foreign(name)), ' ', number);
    return { place, box, number, label };
  });
  container.replaceChildren(...boxes.map(({ label }) => label));
  return {
    update(filter, shown) {
      for (const { place, box, number } of boxes) {
        box.checked = !isHidden(filter, place);
        number.textContent = count(at(counts(shown), place));
      }
    },
  };
}

/** Two sliders in hundredths; one that moves past the other pushes it along. */
export function scoreRange(onChange: (scores: Pick<Filter, 'scoreFrom' | 'scoreTo'>) => void): FilterInput {
  const [from, to] = [byId('score-from', HTMLInputElement), byId('score-to', HTMLInputElement)];
  const [fromShown, toShown] = [byId('score-from-shown', HTMLOutputElement), byId('score-to-shown', HTMLOutputElement)];
  from.addEventListener('input', () => {
    const scoreFrom = from.valueAsNumber * 10;
    onChange({ scoreFrom, scoreTo: Math.max(to.valueAsNumber * 10, scoreFrom) });
  });
  to.addEventListener('input', () => {
    const scoreTo = to.valueAsNumber * 10;
    onChange({ scoreFrom: Math.min(from.valueAsNumber * 10, scoreTo), scoreTo });
  });
  return {
    update({ scoreFrom, scoreTo }) {
      from.valueAsNumber = scoreFrom / 10;
      to.valueAsNumber = scoreTo / 10;
      fromShown.textContent = (scoreFrom / 1_000).toFixed(2);
      toShown.textContent = (scoreTo / 1_000).toFixed(2);
    },
  };
}

interface LabelChoices {
  onChoose: Choices['onChoose'];
  onAll(): void;
  onNone(): void;
}

/** The most frequent labels first; a search narrows the list. */
export function labelCheckboxes(labels: readonly string[], byLabel: Uint32Array, choices: LabelChoices): FilterInput {
  const container = byId('labels', HTMLElement);
  const search = byId('label-search', HTMLInputElement);
  const byFrequency = labels
    .map((name, place) => ({ place, name, mark: '' }))
    .sort((a, b) => at(byLabel, b.place) - at(byLabel, a.place));
  let latest: Parameters<FilterInput['update']> | null = null;

  const list = (): FilterInput => {
    const wanted = search.value.trim().toLowerCase();
    const found = byFrequency.filter(({ name }) => name.toLowerCase().includes(wanted));
    const listed = checkboxes(container, found.slice(0, LABELS_LISTED_MAX), {
      isHidden: ({ hiddenLabels }, place) => hiddenLabels.has(place),
      counts: (shown) => shown.byLabel,
      onChoose: choices.onChoose,
    });
    const more = found.length - LABELS_LISTED_MAX;
    if (more > 0)
      container.append(make('p', { className: 'soft', textContent: `and ${count(more)} more labels; search to find them` }));
    if (latest) listed.update(...latest);
    return listed;
  };

  search.hidden = labels.length < SEARCH_FROM;
  let input = list();
  search.addEventListener('input', () => {
    input = list();
  });
  byId('labels-all', HTMLButtonElement).addEventListener('click', choices.onAll);
  byId('labels-none', HTMLButtonElement).addEventListener('click', choices.onNone);
  return {
    update(...now) {
      latest = now;
      input.update(...now);
    },
  };
}
