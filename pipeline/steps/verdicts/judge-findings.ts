// Between steps 5 and 6, once for each group of findings on which the detection models differ: the judge decides on a crop with context.
import { UserError } from '../../contract/errors.ts';
import type { AnalysisRequest, Finding, Usage } from '../../contract/schemas.ts';
import { NO_USAGE } from '../../contract/usage.ts';
import { boxAround } from '../../findings/disputes.ts';
import type { Verdict } from '../../findings/verification.ts';
import type { Plan } from '../../planning/plan.ts';
import type { JudgedClaim, PipelineDeps } from '../../ports.ts';
import { cropAround, inImage, type VerificationBudget } from './verify-finding.ts';

export interface JudgedFindings {
  /** In pixels of the full image, in the order of the findings. */
  verdicts: Verdict[];
  usage: Usage;
  /** How the judge had to be asked. Missing in results of earlier versions. */
  notes?: string[];
}

/** Calls no model once the budget is exhausted. */
export async function judgeFindings(
  request: AnalysisRequest,
  plan: Plan,
  findings: readonly Finding[],
  budget: VerificationBudget,
  deps: PipelineDeps,
): Promise<JudgedFindings> {
  if (budget.exhausted !== null) return unjudged(findings, request, budget.exhausted);
  const { judge: model, detection } = request.models;
  if (model === undefined || !deps.vision.judge) throw new UserError('This analysis has no judge. Name a model in models.judge.');
  const crop = await cropAround(boxAround(findings), request, plan, deps);
  const claims = findings.map(
    (finding): JudgedClaim => ({
      finding,
      boxInCrop: crop.toCrop(finding.box),
      reportedBy: new Set(finding.said_by).size,
    }),
  );
  const {
    verdicts,
    usage,
    notes = [],
  } = await deps.vision.judge(model, crop.jpeg, {
    ask: request.ask,
    models: new Set(detection).size,
    claims,
  });
  return {
    verdicts: findings.map((finding, index): Verdict => {
      const verdict = verdicts[index] ?? null;
      const found: Verdict = verdict === null ? { verdict: 'none', reason: LEFT_OUT } : inImage(verdict, crop, finding, request);
      return { ...found, judge: model };
    }),
    usage,
    notes,
  };
}

const LEFT_OUT = 'The judge gave no verdict on it.';

/** The findings stay as they were detected. */
export function unjudged(
  findings: readonly Finding[],
  { models }: Pick<AnalysisRequest, 'models'>,
  reason: string,
): JudgedFindings {
  const { judge } = models;
  if (judge === undefined) throw new Error('Expected a judge.');
  return { verdicts: findings.map(() => ({ verdict: 'none', reason, judge })), usage: NO_USAGE };
}
