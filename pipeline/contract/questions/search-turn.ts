// One turn of the search for an answer: what the model does next, and what came of it. Results of steps hold them: field names are stored.
// Boxes are in pixels of the full image.
import { z } from 'zod';
import { Usage } from '../schemas.ts';
import { Box } from '../shapes.ts';

/** A part of the image to show later, and how likely it shows the answer. */
export const RankedRegion = z.object({ box: Box, likelihood: z.number() });
export type RankedRegion = z.infer<typeof RankedRegion>;

/** What the model cites for its answer. `image`: the number of the image in which it saw it, 0 for the overview. */
export const Evidence = z.object({ label: z.string(), text: z.string().nullable(), image: z.number().int(), box: Box });
export type Evidence = z.infer<typeof Evidence>;

/** What the model has learned so far, in its words; empty if it wrote nothing. */
const note = z.string();
/** `null` if the box lies outside of the image that it names, or there is no such image. */
const box = Box.nullable();
const image = z.number().int();

export const Action = z.discriminatedUnion('tool', [
  z.object({ tool: z.literal('zoom'), note, image, box, regions: z.array(RankedRegion) }),
  z.object({ tool: z.literal('find'), note, image, box, what: z.string() }),
  z.object({ tool: z.literal('read'), note, image, box }),
  z.object({ tool: z.literal('ask_person'), note, question: z.string() }),
  z.object({
    tool: z.literal('answer'),
    note,
    text: z.string(),
    found: z.boolean(),
    confidence: z.number(),
    evidence: z.array(Evidence),
    /** Pieces of evidence whose box lies outside of the image that they name. */
    outside: z.number().int(),
  }),
]);
export type Action = z.infer<typeof Action>;
export type ToolName = Action['tool'];

/** What a detector reported in a region. */
export const Seen = z.object({ label: z.string(), text: z.string().nullable(), score: z.number(), box: Box });
export type Seen = z.infer<typeof Seen>;

/** A part of the image that the model was shown. */
export const Look = z.object({
  /** From 1; 0 is the overview. */
  number: z.number().int(),
  tool: z.enum(['zoom', 'find', 'read']),
  box: Box,
  /** Pixels of the shown image. */
  width: z.number().int(),
  height: z.number().int(),
  /** The stored JPEG. */
  key: z.string(),
  /** What was searched for, or `null`. */
  what: z.string().nullable(),
  /** The most important ones of `seen_total`; `null` if no detector ran. */
  seen: z.array(Seen).nullable(),
  seen_total: z.number().int(),
  usage: Usage,
  notes: z.array(z.string()),
});
export type Look = z.infer<typeof Look>;

/** The result of a step that asks the model. */
export const Thought = z.union([
  z.object({ action: Action, usage: Usage, notes: z.array(z.string()) }),
  /** The execution was cancelled before the model was asked. */
  z.object({ cancelled: z.literal(true), usage: Usage }),
  /** No answer of the model could be used. */
  z.object({ unusable: z.string(), usage: Usage }),
]);
export type Thought = z.infer<typeof Thought>;

/** What the search answers to the model besides an image, or instead of one. */
export const Reply = z.enum(['outside', 'repeated', 'no-evidence', 'check', 'next-region', 'no-looks', 'person', 'no-person']);
export type Reply = z.infer<typeof Reply>;

/** `executions/<id>/trace.json`: how an answer was found. */
export const Trace = z.object({
  question: z.string(),
  model: z.string(),
  turns: z.array(
    z.object({
      action: Action,
      reply: Reply.nullable(),
      look: Look.omit({ usage: true }).nullable(),
      person: z.string().nullable(),
    }),
  ),
});
export type Trace = z.infer<typeof Trace>;
