// Which findings deserve a second look, and what becomes of them after it. Pure.
import type { Box, Finding, Severity } from '../contract/schemas.ts';
import { VERIFICATIONS_MAX } from '../planning/shards.ts';

/** Above even odds by a little: what a second look would change most often. */
const DOUBTFUL_BELOW = 0.6;
const SEVERE: ReadonlySet<Severity> = new Set(['high', 'critical']);
/** A dollar for a hundred looks is ten times the price of a large model today. */
export const SECOND_LOOKS_COST_USD_MAX = 1;

/** What came of one second look. `instead` is in pixels of the full image. */
export type Verdict =
  | { verdict: 'confirmed' | 'rejected' }
  | { verdict: 'corrected'; instead: Pick<Finding, 'label' | 'description' | 'severity' | 'text' | 'box'> }
  | { verdict: 'none'; reason: string };

/** Severe ones first, then the most doubtful; at most VERIFICATIONS_MAX. */
export function worthASecondLook(findings: readonly Finding[]): Finding[] {
  const isSevere = ({ severity }: Finding) => SEVERE.has(severity);
  return findings
    .filter((finding) => isSevere(finding) || finding.score < DOUBTFUL_BELOW)
    .sort((a, b) => Number(isSevere(b)) - Number(isSevere(a)) || a.score - b.score)
    .slice(0, VERIFICATIONS_MAX);
}

export interface Verified {
  findings: Finding[];
  notes: string[];
}

/** Rejected findings stay, marked. `verdicts` are by id. */
export function withVerdicts(findings: readonly Finding[], verdicts: ReadonlyMap<string, Verdict>): Verified {
  const judged = findings.map((finding) => judgedBy(finding, verdicts.get(finding.id)));
  const reasons = [...verdicts.values()].flatMap((verdict) => (verdict.verdict === 'none' ? [verdict.reason] : []));
  const byReason = [...Map.groupBy(reasons, (reason) => reason)];
  const notes = byReason.map(([reason, { length }]) => {
    const which = length === 1 ? '1 finding was' : `${length} findings were`;
    return `${which} not looked at a second time: ${reason}`;
  });
  return { findings: judged, notes };
}

export const isRejected = ({ verified }: Finding): boolean => verified === 'rejected';

function judgedBy(finding: Finding, verdict: Verdict | undefined): Finding {
  if (!verdict || verdict.verdict === 'none') return finding;
  if (verdict.verdict !== 'corrected') return { ...finding, verified: verdict.verdict };
  const { box, ...words } = verdict.instead;
  return { ...finding, ...words, box: box.map((side) => Math.round(side * 10) / 10) as Box, verified: 'corrected' };
}
