// The request and its plan, as stored beside the pyramid.
import { z } from 'zod';
import { AnalysisRequest, ExecutionId } from '../contract/schemas.ts';
import { Plan } from './plan.ts';

/** `executions/<id>/plan.json`. */
export const StoredPlan = z.object({
  request: AnalysisRequest,
  plan: Plan,
  format: z.string(),
  /** The execution that holds the pyramid. A retry uses the pyramid of an earlier execution. */
  pyramid_of: ExecutionId,
});
export type StoredPlan = z.infer<typeof StoredPlan>;

/** The execution whose pyramid this request analyzes. */
export function pyramidOf({
  execution_id,
  retry_of,
  question,
}: Pick<AnalysisRequest, 'execution_id' | 'retry_of' | 'question'>): string {
  return retry_of?.pyramid_of ?? question?.about?.pyramid_of ?? execution_id;
}
