// Step 6, once for each finding to verify: a second model confirms, corrects or rejects it on a crop with context.
import { mustBeFixed, sentenceOf, UserError } from '../contract/errors.ts';
import type { AnalysisRequest, Box, Finding, Usage } from '../contract/schemas.ts';
import { NO_USAGE } from '../contract/usage.ts';
import { VERIFICATION_COST_USD_MAX, type Verdict } from '../findings/verification.ts';
import { viewOf } from '../imaging/view.ts';
import { withContext } from '../planning/geometry.ts';
import type { Plan } from '../planning/plan.ts';
import { pyramidOf } from '../planning/stored-plan.ts';
import type { PipelineDeps, VerificationAnswer } from '../ports.ts';

const CROP_PIXELS_MAX = 1_000_000; // what language models see without shrinking it

export interface VerifiedFinding {
  /** In pixels of the full image. */
  verdict: Verdict;
  usage: Usage;
}

/** What all verifications of an execution share. A replay rebuilds it from their results. */
export interface VerificationBudget {
  spentUsd: number;
  /** Why no further finding is verified; `null` while there is budget. */
  exhausted: string | null;
}

/** Calls no model once the budget is exhausted. */
export async function verifyFinding(
  request: AnalysisRequest,
  plan: Plan,
  finding: Finding,
  budget: VerificationBudget,
  deps: PipelineDeps,
): Promise<VerifiedFinding> {
  if (budget.exhausted !== null) return unverified(budget.exhausted);
  const { verification: model } = request.models;
  if (model === null) throw new UserError('The request has no verification model. Set VERIFICATION_MODEL.');
  const crop = withContext(finding.box, plan);
  const view = { executionId: pyramidOf(request), plan, box: crop, pixelsMax: CROP_PIXELS_MAX, findings: [] };
  const jpeg = await viewOf(view, deps.blobs);
  const scale = jpeg.width / crop[2];
  const [left, top, width, height] = finding.box;
  const boxInCrop: Box = [(left - crop[0]) * scale, (top - crop[1]) * scale, width * scale, height * scale];
  const answer = await deps.vision.verify(model, jpeg, { ask: request.ask, finding, boxInCrop });
  return { verdict: inImage(answer, crop, scale), usage: answer.usage };
}

/** Counts the cost of a verification. A failed one has the verdict `none`: the finding stays as it was detected. */
export async function accountFor(verification: Promise<VerifiedFinding>, budget: VerificationBudget): Promise<VerifiedFinding> {
  try {
    const verified = await verification;
    budget.spentUsd += verified.usage.cost_usd ?? 0; // VERIFICATIONS_MAX limits those of unknown cost
    if (budget.spentUsd >= VERIFICATION_COST_USD_MAX) {
      budget.exhausted ??= `the limit of ${VERIFICATION_COST_USD_MAX} USD for verification was reached.`;
    }
    return verified;
  } catch (error) {
    const reason = sentenceOf(error) ?? 'The verification model failed.';
    if (mustBeFixed(error)) budget.exhausted ??= reason; // every other verification would fail as well
    return unverified(reason);
  }
}

function unverified(reason: string): VerifiedFinding {
  return { verdict: { verdict: 'none', reason }, usage: NO_USAGE };
}

function inImage(answer: VerificationAnswer, crop: Box, scale: number): Verdict {
  if (answer.verdict !== 'corrected') return { verdict: answer.verdict };
  const [left, top, width, height] = answer.boxInCrop;
  const box: Box = [crop[0] + left / scale, crop[1] + top / scale, width / scale, height / scale];
  return { verdict: 'corrected', instead: { ...answer.instead, box } };
}
