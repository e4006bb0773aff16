// The inputs of the filter form. Each one shows the filter as it is, and reports what people choose.
import { at } from '../../pipeline/contract/at.ts';
import { byId, count, foreign, make, swatch } from '../shared/element.ts';
import type { Findings } from '../shared/findings.ts';
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
  /** What stands for it, with its mark or color. */
  words: HTMLElement;
}

interface Choices {
  isHidden(filter: Filter, place: number): boolean;
  counts(shown: Filtered): Uint32Array;
  onChoose(place: number, included: boolean): void;
  /** Hides every other choice. */
  onOnly?(place: number): void;
}

export function checkboxes(
  container: HTMLElement,
  choices: readonly Choice[],
  { isHidden, counts, onChoose, onOnly }: Choices,
): FilterInput {
  const boxes = choices.map(({ place, words }) => {
    const box = make('input', { type: 'checkbox' });
    const number = make('span', { className: 'number' });
    box.addEventListener('change', () => onChoose(place, box.checked));
    const label = make('label', {}, box, words, ' ', number);
    return {
      place,
      box,
      number,
      row: onOnly
        ? make(
            'div',
            { className: 'only' },
            label,
            onlyButton(() => onOnly(place)),
          )
        : label,
    };
  });
  container.replaceChildren(...boxes.map(({ row }) => row));
  return {
    update(filter, shown) {
      for (const { place, box, number } of boxes) {
        box.checked = !isHidden(filter, place);
        number.textContent = count(at(counts(shown), place));
      }
    },
  };
}

function onlyButton(onPress: () => void): HTMLElement {
  const button = make('button', { type: 'button', textContent: 'only' });
  button.addEventListener('click', onPress);
  return button;
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
  onOnly(place: number): void;
  onAll(): void;
  onNone(): void;
}

/** The most frequent labels first; a search narrows the list. */
export function labelCheckboxes(
  { labels, labelColors }: Pick<Findings, 'labels' | 'labelColors'>,
  byLabel: Uint32Array,
  choices: LabelChoices,
): FilterInput {
  const container = byId('labels', HTMLElement);
  const search = byId('label-search', HTMLInputElement);
  const byFrequency = labels.map((name, place) => ({ place, name })).sort((a, b) => at(byLabel, b.place) - at(byLabel, a.place));
  let latest: Parameters<FilterInput['update']> | null = null;

  const list = (): FilterInput => {
    const wanted = search.value.trim().toLowerCase();
    const found = byFrequency.filter(({ name }) => name.toLowerCase().includes(wanted));
    const shown = found.slice(0, LABELS_LISTED_MAX).map(({ place, name }) => {
      return { place, words: make('span', {}, swatch(at(labelColors, place)), foreign(name)) };
    });
    const listed = checkboxes(container, shown, {
      isHidden: ({ hiddenLabels }, place) => hiddenLabels.has(place),
      counts: (filtered) => filtered.byLabel,
      onChoose: choices.onChoose,
      onOnly: choices.onOnly,
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
