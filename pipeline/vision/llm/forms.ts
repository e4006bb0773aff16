// The forms that language models fill in, one for each purpose. Flat, without unions and nulls: every provider's grammar accepts them.
import { z } from 'zod';
import { Severity } from '../../contract/schemas.ts';
import { BOX_SCALE, boxOf, type Edges } from '../prompts/box-scale.ts';
import { MODERATION_CATEGORIES } from '../prompts/moderate-prompt.ts';

/** Characters of a summary that the prompt asks for, and that are accepted: models count badly. */
export const SUMMARY_LENGTH_ASKED = 1_500;
const SUMMARY_LENGTH_MAX = 2_000;
/** 20 words of 15 characters. */
const DESCRIPTION_LENGTH_MAX = 300;

const edge = (side: string) => z.number().describe(`The ${side} edge, from 0 to ${BOX_SCALE}.`);
const EDGES = { left: edge('left'), top: edge('top'), right: edge('right'), bottom: edge('bottom') };
const DESCRIPTION = z.string().trim().max(DESCRIPTION_LENGTH_MAX).describe('What it is, in at most 20 words.');
const TEXT = z.string().max(2_000).describe('What is written on it; an empty string if nothing is.');
const LABEL = z.string().trim().max(100);
const SCORE = z.number().min(0).max(1).describe('How sure, from 0 to 1.');

/** A box within the first thousandth of the image: the model answered in fractions of 1. */
const isFraction = ({ left, top, right, bottom }: Edges) => right > left && bottom > top && right <= 1 && bottom <= 1;
const isEmpty = (edges: Edges) => boxOf(edges, BOX_SCALE, BOX_SCALE).box === null;
const FRACTION = `expected edges from 0 to ${BOX_SCALE}, got fractions of 1`;

export const DetectionsForm = z.object({
  detections: z.array(
    z
      .object({
        label: LABEL.min(1).describe('A short noun.'),
        ...EDGES,
        score: SCORE,
        severity: Severity,
        description: DESCRIPTION,
        text: TEXT,
      })
      .refine((detection) => !isFraction(detection), FRACTION),
  ),
});

/** The fields after `verdict` count only if it is "corrected". */
export const VerificationForm = z
  .object({
    verdict: z.enum(['confirmed', 'rejected', 'corrected']),
    label: LABEL.describe('What is there.'),
    ...EDGES,
    severity: Severity,
    description: DESCRIPTION,
    text: TEXT,
  })
  .refine(({ verdict, label }) => verdict !== 'corrected' || label !== '', 'expected the label of what is there instead')
  .refine((answer) => answer.verdict !== 'corrected' || !isFraction(answer), FRACTION)
  .refine((answer) => answer.verdict !== 'corrected' || !isEmpty(answer), 'expected the box of what is there instead');

export const ModerationForm = z
  .object({ verdict: z.enum(['allowed', 'blocked']), category: z.enum(MODERATION_CATEGORIES), score: SCORE })
  .refine(
    ({ verdict, category }) => (verdict === 'allowed') === (category === 'none'),
    'expected the category "none" with "allowed", and another with "blocked"',
  );

export const SummaryForm = z.object({ summary: z.string().trim().min(1).max(SUMMARY_LENGTH_MAX) });
