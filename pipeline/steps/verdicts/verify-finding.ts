// Step 6, once for each finding to verify: a second model confirms, corrects or rejects it on a crop with context.
import { mustBeFixed, sentenceOf, UserError } from '../../contract/errors.ts';
import type { AnalysisRequest, Box, Finding, Usage } from '../../contract/schemas.ts';
import { NO_USAGE } from '../../contract/usage.ts';
import { VERIFICATION_COST_USD_MAX, type Verdict } from '../../findings/verification.ts';
import { storedBox } from '../../imaging/views/stored-view.ts';
import { iou, withContext } from '../../planning/geometry.ts';
import type { Plan } from '../../planning/plan.ts';
import { pyramidOf } from '../../planning/stored-plan.ts';
import type { CropVerdict, Jpeg, PipelineDeps } from '../../ports.ts';

const CROP_PIXELS_MAX = 1_000_000; // what language models see without shrinking it

export interface VerifiedFinding {
  /** In pixels of the full image. */
  verdict: Verdict;
  usage: Usage;
  /** How the model had to be asked. Missing in results of earlier versions. */
  notes?: string[];
}

/** What all verifications of an execution share, or all calls of its judge. A replay rebuilds it from their results. */
export interface VerificationBudget {
  /** Its name in sentences. */
  purpose: 'verification' | 'the judge';
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
  const crop = await cropAround(finding.box, request, plan, deps);
  const answer = await deps.vision.verify(model, crop.jpeg, { ask: request.ask, finding, boxInCrop: crop.toCrop(finding.box) });
  const { usage, notes = [] } = answer;
  return { verdict: inImage(answer, crop, finding, request), usage, notes };
}

/** A part of the image as a model gets it. */
interface Crop {
  jpeg: Jpeg;
  /** From pixels of the full image to pixels of the crop. */
  toCrop(box: Box): Box;
  /** The reverse. */
  toImage(box: Box): Box;
}

/** The box with its surroundings. */
export async function cropAround(box: Box, request: AnalysisRequest, plan: Plan, { blobs }: PipelineDeps): Promise<Crop> {
  const area = withContext(box, plan);
  const jpeg = await storedBox(pyramidOf(request), plan, area, CROP_PIXELS_MAX, blobs);
  const scale = jpeg.width / area[2];
  return {
    jpeg,
    toCrop: ([left, top, width, height]) => [(left - area[0]) * scale, (top - area[1]) * scale, width * scale, height * scale],
    toImage: ([left, top, width, height]) => [area[0] + left / scale, area[1] + top / scale, width / scale, height / scale],
  };
}

/** Counts the cost of a call. What a failed one returns is `failed` with the reason: findings stay as they were detected. */
export async function accountFor<T extends { usage: Usage }>(
  call: Promise<T>,
  budget: VerificationBudget,
  failed: (reason: string) => T,
): Promise<T> {
  try {
    const result = await call;
    budget.spentUsd += result.usage.cost_usd ?? 0; // VERIFICATIONS_MAX limits those of unknown cost
    if (budget.spentUsd >= VERIFICATION_COST_USD_MAX) {
      budget.exhausted ??= `the limit of ${VERIFICATION_COST_USD_MAX} USD for ${budget.purpose} was reached.`;
    }
    return result;
  } catch (error) {
    const model = budget.purpose === 'verification' ? 'The verification model' : 'The judge';
    const reason = sentenceOf(error) ?? `${model} failed.`;
    if (mustBeFixed(error)) budget.exhausted ??= reason; // every other call would fail as well
    return failed(reason);
  }
}

export function unverified(reason: string): VerifiedFinding {
  return { verdict: { verdict: 'none', reason }, usage: NO_USAGE };
}

/** Small objects may be off by their size. */
function around([left, top, width, height]: Box): Box {
  const reach = Math.max(width, height);
  return [left - reach, top - reach, width + 2 * reach, height + 2 * reach];
}

/** A correction to another place, or to a label that was not requested, is not about the finding: the finding stays as it was detected. */
export function inImage(
  answer: CropVerdict,
  { toImage }: Pick<Crop, 'toImage'>,
  finding: Pick<Finding, 'box'>,
  { ask: { labels } }: Pick<AnalysisRequest, 'ask'>,
): Verdict {
  if (answer.verdict !== 'corrected') return { verdict: answer.verdict };
  const box = toImage(answer.boxInCrop);
  if (iou(box, around(finding.box)) === 0) return { verdict: 'none', reason: 'The correction is about another place.' };
  const named = answer.instead.label.toLowerCase();
  const label = labels.length === 0 ? answer.instead.label : labels.find((one) => one.trim().toLowerCase() === named);
  if (label === undefined) return { verdict: 'none', reason: 'The correction has a label that was not requested.' };
  return { verdict: 'corrected', instead: { ...answer.instead, label, box } };
}
