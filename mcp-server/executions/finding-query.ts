// Which findings of an execution match a query, in which order, and their counts. Knows nothing of pages or of how they are answered.
import { at } from '../../pipeline/contract/at.ts';
import { type Lru, lru } from '../../pipeline/contract/lru.ts';
import type { Box, Finding, FindingsDocument, Severity } from '../../pipeline/contract/schemas.ts';
import { isRejected } from '../../pipeline/findings/verification.ts';
import { intersectionOf } from '../../pipeline/planning/geometry.ts';
import { DOCUMENTS_KEPT_MAX } from './stored-findings.ts';
import { withText } from './text-filter.ts';
import { firstWithin } from './token-budget.ts';

const LABELS_IN_TOTALS_MAX = 50;
const LABELS_IN_TOTALS_BYTES_MAX = 6_000; // the address of the image may take another 6,000
/** An agent pages through one list; another may ask at the same time. */
const QUERIES_KEPT_MAX = 8;

/** `undefined` if the filter does not apply. */
export interface FindingQuery {
  labels?: readonly string[] | undefined;
  severity?: readonly Severity[] | undefined;
  min_score?: number | undefined;
  region?: Box | undefined;
  /** What text, label or description contain in any case, or a regular expression between slashes. */
  text?: string | undefined;
  include_rejected: boolean;
  sort: (typeof SORTS)[number];
}

/** `size` and `smallest`: by area, the largest or the smallest first. */
export const SORTS = ['score', 'lowest_score', 'size', 'smallest', 'position', 'label'] as const;

export interface MatchingFindings {
  findings: readonly Finding[];
  /** Rejected findings of the execution, whether they match or not. */
  rejected: number;
  by_label: Record<string, number>;
  by_severity: Record<string, number>;
}

/** By document and query: sorting 100,000 findings takes longer than everything else in an answer. */
const matchingByQuery = lru<FindingsDocument, Lru<string, MatchingFindings>>(DOCUMENTS_KEPT_MAX);

/** Sorted and counted once for all pages of a query. */
export function matchingFindings(document: FindingsDocument, query: FindingQuery): MatchingFindings {
  const { labels, severity, min_score, region, text, include_rejected, sort } = query;
  const name = JSON.stringify([labels, severity, min_score, region, text, include_rejected, sort]);
  const queries = matchingByQuery.get(document) ?? lru<string, MatchingFindings>(QUERIES_KEPT_MAX);
  matchingByQuery.set(document, queries);
  const matching = queries.get(name) ?? queryIn(document, query);
  queries.set(name, matching);
  return matching;
}

function queryIn(document: FindingsDocument, query: FindingQuery): MatchingFindings {
  const kept = document.findings.filter((finding) => matches(finding, query));
  const findings = withText(kept, query.text).sort(ORDERS[query.sort]);
  return {
    findings,
    rejected: document.findings.filter(isRejected).length,
    by_label: countsBy(findings, ({ label }) => label),
    by_severity: countsBy(findings, ({ severity }) => severity),
  };
}

function matches(finding: Finding, { labels, severity, min_score, region, include_rejected }: FindingQuery): boolean {
  const lowerCase = labels?.map((label) => label.toLowerCase());
  return (
    (include_rejected || !isRejected(finding)) &&
    (lowerCase === undefined || labelsOf(finding).some((label) => lowerCase.includes(label.toLowerCase()))) &&
    (severity === undefined || severity.includes(finding.severity)) &&
    (min_score === undefined || finding.score >= min_score) &&
    (region === undefined || intersectionOf(finding.box, region) > 0)
  );
}

/** An object that models report under several labels is found by each of them. */
function labelsOf({ label, alternatives = [] }: Finding): string[] {
  return [label, ...alternatives.map((alternative) => alternative.label)];
}

const areaOf = ({ box: [, , width, height] }: Finding) => width * height;
const byPosition = (a: Finding, b: Finding) => a.box[1] - b.box[1] || a.box[0] - b.box[0] || byId(a, b);
const byId = (a: Finding, b: Finding) => a.id.localeCompare(b.id, 'en', { numeric: true });
const ORDERS: Record<FindingQuery['sort'], (a: Finding, b: Finding) => number> = {
  score: (a, b) => b.score - a.score || byId(a, b),
  lowest_score: (a, b) => a.score - b.score || byId(a, b),
  size: (a, b) => areaOf(b) - areaOf(a) || byId(a, b),
  smallest: (a, b) => areaOf(a) - areaOf(b) || byId(a, b),
  position: byPosition,
  label: (a, b) => a.label.localeCompare(b.label, 'en') || byPosition(a, b),
};

/** How many findings have their center in each cell of the image: rows from the top, cells from the left. */
export function countsByCell(findings: readonly Finding[], image: { width: number; height: number }, cells: number): number[][] {
  const counts = Array.from({ length: cells }, () => new Array<number>(cells).fill(0));
  const cellOf = (center: number, side: number) => Math.min(cells - 1, Math.max(0, Math.floor((center / side) * cells)));
  for (const { box } of findings) {
    const row = at(counts, cellOf(box[1] + box[3] / 2, image.height));
    const column = cellOf(box[0] + box[2] / 2, image.width);
    row[column] = at(row, column) + 1;
  }
  return counts;
}

/** The most frequent ones first, as many as fit. */
function countsBy(findings: readonly Finding[], keyOf: (finding: Finding) => string): Record<string, number> {
  const counts = [...Map.groupBy(findings, keyOf)].map(([key, group]) => [key, group.length] as const);
  const frequent = counts.sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0], 'en')).slice(0, LABELS_IN_TOTALS_MAX);
  return Object.fromEntries(firstWithin(LABELS_IN_TOTALS_BYTES_MAX, frequent));
}
