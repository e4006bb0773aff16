// The filter form: severity, score, verification and label. Every choice has the number of findings that it would show.
import { byId, make, severityMark } from '../shared/element.ts';
import { type Findings, SEVERITIES, VERDICTS } from '../shared/findings.ts';
import { FIRST_FILTER, type Filter, type Filtered, filtered, NO_FILTER } from './filter.ts';
import { checkboxes, type FilterInput, labelCheckboxes, scoreRange } from './filter-inputs.ts';

const VERDICT_WORDS: Readonly<Record<(typeof VERDICTS)[number], string>> = {
  none: 'not verified',
  confirmed: 'confirmed',
  corrected: 'corrected',
  rejected: 'rejected',
};

type HiddenChoices = 'hiddenLabels' | 'hiddenSeverities' | 'hiddenVerdicts';

export interface FilterForm {
  current(): Filtered;
  /** Shows every finding, for an address that names one which a filter hides. */
  clear(): void;
}

export function filterForm(findings: Findings, onChange: (shown: Filtered) => void): FilterForm {
  let filter = FIRST_FILTER;
  let shown = filtered(findings, filter);
  const inputs: FilterInput[] = [];
  const change = (changes: Partial<Filter>) => {
    filter = { ...filter, ...changes };
    shown = filtered(findings, filter);
    for (const { update } of inputs) update(filter, shown);
    onChange(shown);
  };
  const choose = (choices: HiddenChoices) => (place: number, included: boolean) => {
    const hidden = new Set(filter[choices]);
    if (included) hidden.delete(place);
    else hidden.add(place);
    change({ [choices]: hidden });
  };

  const severities = SEVERITIES.map((name, place) => ({ place, words: severityMark(name) })).toReversed();
  const verdicts = VERDICTS.map((name, place) => ({ place, words: make('span', { textContent: VERDICT_WORDS[name] }) }));
  byId('verdict-part', HTMLElement).hidden = !findings.verdict.some((verdict) => verdict > 0);
  inputs.push(
    checkboxes(byId('severities', HTMLElement), severities, {
      isHidden: ({ hiddenSeverities }, place) => hiddenSeverities.has(place),
      counts: ({ bySeverity }) => bySeverity,
      onChoose: choose('hiddenSeverities'),
    }),
    checkboxes(byId('verdicts', HTMLElement), verdicts, {
      isHidden: ({ hiddenVerdicts }, place) => hiddenVerdicts.has(place),
      counts: ({ byVerdict }) => byVerdict,
      onChoose: choose('hiddenVerdicts'),
    }),
    scoreRange(change),
    labelCheckboxes(findings, shown.byLabel, {
      onChoose: choose('hiddenLabels'),
      onOnly: (only) => change({ hiddenLabels: new Set([...findings.labels.keys()].filter((place) => place !== only)) }),
      onAll: () => change({ hiddenLabels: new Set() }),
      onNone: () => change({ hiddenLabels: new Set(findings.labels.keys()) }),
    }),
  );
  for (const { update } of inputs) update(filter, shown);

  return {
    current: () => shown,
    clear: () => change(NO_FILTER),
  };
}
