// Which findings are shown, and how many each choice of a filter would show. Pure.
import { type Findings, REJECTED, SEVERITIES, VERDICTS } from '../shared/findings.ts';

export interface Filter {
  /** By their places in `labels`, SEVERITIES and VERDICTS: those that are left out. */
  withoutLabels: ReadonlySet<number>;
  withoutSeverities: ReadonlySet<number>;
  withoutVerdicts: ReadonlySet<number>;
  /** In thousandths; both ends belong to it. */
  scoreFrom: number;
  scoreTo: number;
}

/** What a second look has rejected is shown when it is asked for. */
export const FIRST_FILTER: Filter = {
  ...{ withoutLabels: new Set(), withoutSeverities: new Set(), withoutVerdicts: new Set([REJECTED]) },
  ...{ scoreFrom: 0, scoreTo: 1_000 },
};

export interface Filtered {
  rows: Uint32Array;
  /** By the same places: how many there are that pass all the other filters. */
  byLabel: Uint32Array;
  bySeverity: Uint32Array;
  byVerdict: Uint32Array;
}

export function filtered(findings: Findings, filter: Filter): Filtered {
  const { count, labels, label, severity, verdict, score } = findings;
  const rows = new Uint32Array(count);
  const byLabel = new Uint32Array(labels.length);
  const bySeverity = new Uint32Array(SEVERITIES.length);
  const byVerdict = new Uint32Array(VERDICTS.length);
  let passed = 0;
  for (let row = 0; row < count; row++) {
    const points = score[row] as number;
    if (points < filter.scoreFrom || points > filter.scoreTo) continue;
    const [one, two, three] = [label[row] as number, severity[row] as number, verdict[row] as number];
    const noLabel = filter.withoutLabels.has(one);
    const noSeverity = filter.withoutSeverities.has(two);
    const noVerdict = filter.withoutVerdicts.has(three);
    if (!noSeverity && !noVerdict) add(byLabel, one);
    if (!noLabel && !noVerdict) add(bySeverity, two);
    if (!noLabel && !noSeverity) add(byVerdict, three);
    if (!noLabel && !noSeverity && !noVerdict) rows[passed++] = row;
  }
  return { rows: rows.subarray(0, passed), byLabel, bySeverity, byVerdict };
}

function add(counts: Uint32Array, at: number): void {
  counts[at] = (counts[at] ?? 0) + 1;
}
