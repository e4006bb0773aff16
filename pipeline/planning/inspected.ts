// What the inspection of an image finds, before anything is decoded: the result of the step `inspect`.
import { z } from 'zod';
import { Plan } from './plan.ts';

export const Inspected = z.object({
  format: z.string(),
  plan: Plan,
  /** ISO 8601; taken inside the step, so that a resumed execution keeps it. */
  startedAt: z.string(),
});
export type Inspected = z.infer<typeof Inspected>;
