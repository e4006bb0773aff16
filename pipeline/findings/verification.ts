// Which findings to verify, and what verification changes in them. Pure.
import type { Box, Finding, Severity } from '../contract/schemas.ts';
import { VERIFICATIONS_MAX } from '../planning/shards.ts';

/** A little above even odds: verification changes these findings most often. */
const LOW_SCORE_BELOW = 0.6;
const SEVERE: ReadonlySet<Severity> = new Set(['high', 'critical']);
/** 100 verifications by a large model cost a tenth of it today. */
export const VERIFICATION_COST_USD_MAX = 1;

/** The result of one verification. `instead` is in pixels of the full image. */
export type Verdict =
  | { verdict: 'confirmed' | 'rejected' }
  | { verdict: 'corrected'; instead: Pick<Finding, 'label' | 'description' | 'severity' | 'text' | 'box'> }
  | { verdict: 'none'; reason: string };

/** Severe findings first, then those with the lowest scores; at most VERIFICATIONS_MAX. */
export function selectForVerification(findings: readonly Finding[]): Finding[] {
  const isSevere = ({ severity }: Finding) => SEVERE.has(severity);
  return findings
    .filter((finding) => isSevere(finding) || finding.score < LOW_SCORE_BELOW)
    .sort((a, b) => Number(isSevere(b)) - Number(isSevere(a)) || a.score - b.score)
    .slice(0, VERIFICATIONS_MAX);
}

export interface Verified {
  findings: Finding[];
  notes: string[];
}

/** Rejected findings stay, marked as rejected. `verdicts` are by the id of the finding. */
export function withVerdicts(findings: readonly Finding[], verdicts: ReadonlyMap<string, Verdict>): Verified {
  const verified = findings.map((finding) => withVerdict(finding, verdicts.get(finding.id)));
  const reasons = [...verdicts.values()].flatMap((verdict) => (verdict.verdict === 'none' ? [verdict.reason] : []));
  const byReason = [...Map.groupBy(reasons, (reason) => reason)];
  const notes = byReason.map(([reason, { length }]) => {
    const which = length === 1 ? '1 finding was' : `${length} findings were`;
    return `${which} not verified: ${reason}`;
  });
  return { findings: verified, notes };
}

export const isRejected = ({ verified }: Finding): boolean => verified === 'rejected';

function withVerdict(finding: Finding, verdict: Verdict | undefined): Finding {
  if (!verdict || verdict.verdict === 'none') return finding;
  if (verdict.verdict !== 'corrected') return { ...finding, verified: verdict.verdict };
  const { box, ...words } = verdict.instead;
  return { ...finding, ...words, box: inTenths(box), verified: 'corrected' };
}

function inTenths([left, top, width, height]: Box): Box {
  const rounded = (side: number) => Math.round(side * 10) / 10;
  return [rounded(left), rounded(top), rounded(width), rounded(height)];
}
