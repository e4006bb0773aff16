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

/** A page of a TIFF or a frame of an animation, from 1. */
export const pageNumber = z.number().int().min(1).default(1);

/** From 1: one band in gray, or red, green and blue. */
export const bandNumbers = z
  .array(z.number().int().min(1))
  .refine(({ length }) => length === 1 || length === 3, 'expected one band or three')
  .optional();

export const responseFormat = z.enum(['concise', 'detailed']).default('concise');
