// Which findings to verify, and what verification changes in them. Pure.
import type { Box, Finding, ModelId, Severity } from '../contract/schemas.ts';
import { iou } from '../planning/geometry.ts';
import { VERIFICATIONS_MAX } from '../planning/shards.ts';

/** A little above even odds: verification changes these findings most often. */
const LOW_SCORE_BELOW = 0.6;
const SEVERE: ReadonlySet<Severity> = new Set(['high', 'critical']);
/** 100 verifications by a large model cost a tenth of it today. */
export const VERIFICATION_COST_USD_MAX = 1;

/** Boxes of one label whose IoU exceeds this are one object: as in the merge. */
const DUPLICATE_IOU = 0.5;

/** The result of one verification. `instead` is in pixels of the full image. `judge` is the model, if it was the judge. */
export type Verdict = (
  | { verdict: 'confirmed' | 'rejected' }
  | { verdict: 'corrected'; instead: Pick<Finding, 'label' | 'description' | 'severity' | 'text' | 'box'> }
  | { verdict: 'none'; reason: string }
) & { judge?: ModelId };

export const isSevere = ({ severity }: Finding): boolean => SEVERE.has(severity);

/** Severe findings first, then those with the lowest scores; at most `max`, without those that are judged. */
export function selectForVerification(
  findings: readonly Finding[],
  max = VERIFICATIONS_MAX,
  judged: ReadonlySet<Finding> = new Set(),
): Finding[] {
  return findings
    .filter((finding) => !judged.has(finding) && (isSevere(finding) || finding.score < LOW_SCORE_BELOW))
    .sort((a, b) => Number(isSevere(b)) - Number(isSevere(a)) || a.score - b.score)
    .slice(0, max);
}

export interface Verified {
  findings: Finding[];
  notes: string[];
}

/** Rejected findings stay, marked as rejected. `verdicts` are by the id of the finding. */
export function withVerdicts(findings: readonly Finding[], verdicts: ReadonlyMap<string, Verdict>): Verified {
  const verified = findings.map((finding) => withVerdict(finding, verdicts.get(finding.id)));
  const left = [...verdicts.values()].flatMap((verdict) =>
    verdict.verdict === 'none' ? [`not ${verdict.judge === undefined ? 'verified' : 'judged'}: ${verdict.reason}`] : [],
  );
  const byReason = [...Map.groupBy(left, (reason) => reason)];
  const notes = byReason.map(([reason, { length }]) => `${length === 1 ? '1 finding was' : `${length} findings were`} ${reason}`);
  const decided = withoutCorrectedDuplicates(verified);
  return { findings: decided, notes: [...judgeNotes(decided), ...notes] };
}

/** How often the judge decided, and how. */
function judgeNotes(findings: readonly Finding[]): string[] {
  const judged = findings.flatMap((finding) => finding.judged ?? []);
  const [first] = judged;
  if (first === undefined) return [];
  const counts = (['confirmed', 'corrected', 'rejected'] as const).map(
    (verdict) => `${judged.filter((one) => one.verdict === verdict).length} ${verdict}`,
  );
  const noun = judged.length === 1 ? '1 finding' : `${judged.length} findings`;
  return [`The judge (${first.by}) decided on ${noun}: ${counts.join(', ')}.`];
}

/** If the judge corrects one of two claims about an object, both are the same finding: the corrected one is rejected. */
function withoutCorrectedDuplicates(findings: readonly Finding[]): Finding[] {
  const labelOf = ({ label }: Finding) => label.toLowerCase();
  const isCorrected = ({ judged, verified }: Finding) => judged?.verdict === 'corrected' && verified === 'corrected';
  if (!findings.some(isCorrected)) return [...findings];
  const kept = Map.groupBy(
    findings.filter((finding) => !isRejected(finding) && !isCorrected(finding)),
    labelOf,
  );
  return findings.map((finding): Finding => {
    if (!isCorrected(finding) || !finding.judged) return finding;
    const same = kept.get(labelOf(finding)) ?? [];
    if (same.some(({ box }) => iou(box, finding.box) > DUPLICATE_IOU)) {
      return { ...finding, verified: 'rejected', judged: { ...finding.judged, verdict: 'rejected' } };
    }
    kept.set(labelOf(finding), [...same, finding]);
    return finding;
  });
}

export const isRejected = ({ verified }: Finding): boolean => verified === 'rejected';

function withVerdict(finding: Finding, verdict: Verdict | undefined): Finding {
  if (!verdict || verdict.verdict === 'none') return finding;
  const judged = judgedBy(verdict.judge, verdict.verdict, finding);
  if (verdict.verdict !== 'corrected') return { ...finding, verified: verdict.verdict, ...judged };
  const { box, ...words } = verdict.instead;
  return { ...finding, ...words, box: inTenths(box), verified: 'corrected', ...judged };
}

function judgedBy(by: ModelId | undefined, verdict: 'confirmed' | 'rejected' | 'corrected', { label }: Finding) {
  if (by === undefined) return {};
  const judged: Finding['judged'] = verdict === 'corrected' ? { by, verdict, label } : { by, verdict };
  return { judged };
}

function inTenths([left, top, width, height]: Box): Box {
  const rounded = (side: number) => Math.round(side * 10) / 10;
  return [rounded(left), rounded(top), rounded(width), rounded(height)];
}
