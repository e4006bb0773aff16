// The result of the step `inspect`: what the image header says, and the plan. Nothing is decoded yet.
import { z } from 'zod';
import { Plan } from './plan.ts';

export const Inspected = z.object({
  format: z.string(),
  plan: Plan,
  /** ISO 8601. Taken inside the step, so that a resumed execution keeps it. */
  startedAt: z.string(),
});
export type Inspected = z.infer<typeof Inspected>;
