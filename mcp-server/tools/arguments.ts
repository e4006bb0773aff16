// Arguments that several tools take.
import { z } from 'zod';

export const WAIT_MAX_S = 25; // below the 30 s after which clients and gateways give up

/** Seconds to wait for the end of the analysis. */
export const waitForEnd = z
  .number()
  .min(0)
  .max(WAIT_MAX_S)
  .default(0)
  .describe('Seconds to wait for the end of the analysis before answering.');

export const responseFormat = z.enum(['concise', 'detailed']).default('concise');
