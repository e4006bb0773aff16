// What was asked and how the image was cut, as it is stored beside its pyramid.
import { z } from 'zod';
import { AnalysisRequest, ExecutionId } from '../contract/schemas.ts';
import { Plan } from './plan.ts';

/** `executions/<id>/plan.json`. */
export const StoredPlan = z.object({
  request: AnalysisRequest,
  plan: Plan,
  format: z.string(),
  /** The execution whose pyramid it is: another one's for a retry. */
  pyramid_of: ExecutionId,
});
export type StoredPlan = z.infer<typeof StoredPlan>;

/** The execution that cut the image which this request looks at. */
export function pyramidOf({ execution_id, retry_of }: Pick<AnalysisRequest, 'execution_id' | 'retry_of'>): string {
  return retry_of?.pyramid_of ?? execution_id;
}
