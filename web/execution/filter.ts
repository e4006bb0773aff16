// Which findings pass a filter, and how many more each choice of the filter would show. Pure.
import { at } from '../../pipeline/contract/at.ts';
import { type Findings, REJECTED, SEVERITIES, VERDICTS } from '../shared/findings.ts';

/** The sets hold places in `labels`, SEVERITIES and VERDICTS. */
export interface Filter {
  hiddenLabels: ReadonlySet<number>;
  hiddenSeverities: ReadonlySet<number>;
  hiddenVerdicts: ReadonlySet<number>;
  /** In thousandths, both ends included. */
  scoreFrom: number;
  scoreTo: number;
}

/** Shows every finding. */
export const NO_FILTER: Filter = {
  hiddenLabels: new Set(),
  hiddenSeverities: new Set(),
  hiddenVerdicts: new Set(),
  scoreFrom: 0,
  scoreTo: 1_000,
};

/** Hides what verification rejected. */
export const FIRST_FILTER: Filter = { ...NO_FILTER, hiddenVerdicts: new Set([REJECTED]) };

export interface Filtered {
  rows: Uint32Array;
  /** By place: how many findings with this label, severity or verdict pass every other filter. */
  byLabel: Uint32Array;
  bySeverity: Uint32Array;
  byVerdict: Uint32Array;
}

export function filtered(findings: Findings, filter: Filter): Filtered {
  const { count, labels } = findings;
  const rows = new Uint32Array(count);
  const byLabel = new Uint32Array(labels.length);
  const bySeverity = new Uint32Array(SEVERITIES.length);
  const byVerdict = new Uint32Array(VERDICTS.length);
  let passed = 0;
  for (let row = 0; row < count; row++) {
    const score = at(findings.score, row);
    if (score < filter.scoreFrom || score > filter.scoreTo) continue;
    const [label, severity, verdict] = [at(findings.label, row), at(findings.severity, row), at(findings.verdict, row)];
    const labelShown = !filter.hiddenLabels.has(label);
    const severityShown = !filter.hiddenSeverities.has(severity);
    const verdictShown = !filter.hiddenVerdicts.has(verdict);
    if (severityShown && verdictShown) increment(byLabel, label);
    if (labelShown && verdictShown) increment(bySeverity, severity);
    if (labelShown && severityShown) increment(byVerdict, verdict);
    if (labelShown && severityShown && verdictShown) rows[passed++] = row;
  }
  return { rows: rows.subarray(0, passed), byLabel, bySeverity, byVerdict };
}

function increment(counts: Uint32Array, place: number): void {
  counts[place] = at(counts, place) + 1;
}
