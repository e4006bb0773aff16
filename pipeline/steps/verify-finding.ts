// Step 6, once a doubtful finding: a crop with context → a second look by another model → a verdict in full-image pixels.

import { mustBeFixed, sentenceOf, UserError } from '../contract/errors.ts';
import type { AnalysisRequest, Box, Finding, Usage } from '../contract/schemas.ts';
import { NO_USAGE } from '../contract/usage.ts';
import { VERIFICATION_COST_USD_MAX, type Verdict } from '../findings/verification.ts';
import { viewOf } from '../imaging/view.ts';
import { withContext } from '../planning/geometry.ts';
import type { Plan } from '../planning/plan.ts';
import { pyramidOf } from '../planning/stored-plan.ts';
import type { PipelineDeps, SecondLook } from '../ports.ts';

const CROP_PIXELS_MAX = 1_000_000; // what language models look at without shrinking it

export interface SecondLookResult {
  verdict: Verdict;
  usage: Usage;
}

/** What second looks have cost so far, and why there can be no more of them. Rebuilt from results after a crash. */
export interface SecondLookBudget {
  spentUsd: number;
  exhausted: string | null;
}

/** Costs nothing once the budget is exhausted. */
export async function verify(
  request: AnalysisRequest,
  plan: Plan,
  finding: Finding,
  budget: SecondLookBudget,
  deps: PipelineDeps,
): Promise<SecondLookResult> {
  if (budget.exhausted !== null) return { verdict: { verdict: 'none', reason: budget.exhausted }, usage: NO_USAGE };
  const { verification } = request.models;
  if (verification === null) throw new UserError('Expected a verification model, got none. Set VERIFICATION_MODEL.');
  const crop = withContext(finding.box, plan);
  const view = {
    executionId: pyramidOf(request),
    plan,
    box: crop,
    pixelsMax: CROP_PIXELS_MAX,
    findings: [],
  };
  const jpeg = await viewOf(view, deps.blobs);
  const scale = jpeg.width / crop[2];
  const [left, top, width, height] = finding.box;
  const boxInCrop: Box = [(left - crop[0]) * scale, (top - crop[1]) * scale, width * scale, height * scale];
  const look = await deps.vision.verify(verification, jpeg, { ask: request.ask, finding, boxInCrop });
  return { verdict: inImage(look, crop, scale), usage: look.usage };
}

/** Counts what a look cost, and makes its failure a verdict of none: the finding stays as it was first seen. */
export async function secondLookOf(look: Promise<SecondLookResult>, budget: SecondLookBudget): Promise<SecondLookResult> {
  try {
    const result = await look;
    budget.spentUsd += result.usage.cost_usd;
    if (budget.spentUsd >= VERIFICATION_COST_USD_MAX) {
      budget.exhausted ??= `the limit of ${VERIFICATION_COST_USD_MAX} USD for second looks was reached.`;
    }
    return result;
  } catch (error) {
    const reason = sentenceOf(error) ?? 'The verification model failed.';
    // What the caller must fix fails every look alike: one call says it.
    if (mustBeFixed(error)) budget.exhausted ??= reason;
    return { verdict: { verdict: 'none', reason }, usage: NO_USAGE };
  }
}

function inImage(look: SecondLook, crop: Box, scale: number): Verdict {
  if (look.verdict !== 'corrected') return { verdict: look.verdict };
  const [left, top, width, height] = look.boxInCrop;
  const box: Box = [crop[0] + left / scale, crop[1] + top / scale, width / scale, height / scale];
  return { verdict: 'corrected', instead: { ...look.instead, box } };
}
