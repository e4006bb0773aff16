// A question about an image, and the answer to it, as requests and documents store them.
import { z } from 'zod';
import { Box, ExecutionId, ModelId } from '../shapes.ts';

export const QUESTION_CHARACTERS_MAX = 2_000;
/** A crop, a detection or a reading each. */
export const LOOKS_DEFAULT = 12;
export const LOOKS_MAX = 40;
/** The search continues without a reply after a day. */
export const REPLY_SECONDS_MAX = 86_400;
export const REPLY_CHARACTERS_MAX = 2_000;
/** Input and output of all calls: what 40 looks take. It also ends the search of a model without a known price. */
export const QUESTION_TOKENS_MAX = 1_000_000;

export const Question = z.object({
  text: z.string().min(1).max(QUESTION_CHARACTERS_MAX),
  /** The model that searches. */
  model: ModelId,
  looks_max: z.number().int().min(1).max(LOOKS_MAX),
  /** The model may ask back, and the search waits for the reply. Missing if it may not: it has no default, as `judge` of a request. */
  may_ask: z.literal(true).optional(),
  /** The earlier execution whose tiles are used; `null` if the image is cut into tiles first. */
  about: z.object({ execution_id: ExecutionId, pyramid_of: ExecutionId }).nullable(),
});
export type Question = z.infer<typeof Question>;

/** How far a search is. */
export const Searching = z.object({
  looks: z.number().int(),
  looks_max: z.number().int(),
  /** What the model asks the person, while the search waits for the reply. Missing if it asks nothing. */
  asks: z.string().optional(),
});
export type Searching = z.infer<typeof Searching>;

export const Answered = z.object({
  question: z.string(),
  /** `null` if the search ended without one. */
  text: z.string().nullable(),
  /** False if the image does not show what the question asks for, as far as the model has seen it. */
  found: z.boolean(),
  /** The model's own, from 0 to 1. */
  confidence: z.number().nullable(),
  /** Ids of the findings that show it. */
  evidence: z.array(z.string()),
  /** Why the search ended without an answer; `null` if it has one. */
  reason: z.string().nullable(),
  looks: z.number().int(),
  /** The areas that the model has seen besides the overview, in pixels of the full image. */
  looked_at: z.array(Box),
});
export type Answered = z.infer<typeof Answered>;
