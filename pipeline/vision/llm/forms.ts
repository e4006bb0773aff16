// The forms that language models fill in, one for each purpose. Flat, without unions and nulls: every provider's grammar accepts them.
// How filled-in forms are read is in pipeline/vision/reading.
import { z } from 'zod';
import { Severity } from '../../contract/schemas.ts';
import type { Coordinates } from '../../providers/coordinates.ts';
import { type BoxField, boxFields } from '../prompts/box-frame.ts';
import { MODERATION_CATEGORIES } from '../prompts/moderate-prompt.ts';
import { VERDICTS } from '../prompts/verify-prompt.ts';
import type { Form } from './model.ts';

const DESCRIPTION = z.string().describe('What it is, in at most 20 words.');
const TEXT = z.string().describe('What is written on it; an empty string if nothing is.');
const SCORE = z.number().describe('How sure, from 0 to 1.');

/** The numbers of a box, in the order of the convention: models write fields in the order of the schema. */
export function boxShape(coordinates: Coordinates): Record<string, z.ZodNumber> {
  return Object.fromEntries(boxFields(coordinates).map((field) => [field, z.number().describe(fieldWords(field, coordinates))]));
}

function fieldWords(field: BoxField, { unit }: Coordinates): string {
  const what = field === 'width' || field === 'height' ? `The ${field} of the box` : `The ${field} edge`;
  return { pixels: `${what}, in pixels.`, thousandths: `${what}, from 0 to 1000.`, fractions: `${what}, from 0 to 1.` }[unit];
}

export function detectionsForm(coordinates: Coordinates): Form {
  const detection = z.object({
    label: z.string().describe('A short noun.'),
    ...boxShape(coordinates),
    score: SCORE,
    severity: Severity,
    description: DESCRIPTION,
    text: TEXT,
  });
  return {
    name: 'report_detections',
    description: 'Reports what is in the image.',
    schema: z.object({ detections: z.array(detection) }),
    isSentOften: true,
  };
}

/** The fields after `verdict` count only if it is "corrected". */
export function verificationForm(coordinates: Coordinates): Form {
  return {
    name: 'report_verification',
    description: 'Reports the verdict on the finding.',
    schema: z.object({
      verdict: z.enum(VERDICTS),
      label: z.string().describe('What is there.'),
      ...boxShape(coordinates),
      severity: Severity,
      description: DESCRIPTION,
      text: TEXT,
    }),
    isSentOften: true,
  };
}

/** As the form of a verification, once for each claim. */
export function judgementsForm(coordinates: Coordinates): Form {
  const judgement = z.object({
    claim: z.number().int().describe('The number of the claim.'),
    verdict: z.enum(VERDICTS),
    label: z.string().describe('What is there.'),
    ...boxShape(coordinates),
    severity: Severity,
    description: DESCRIPTION,
    text: TEXT,
  });
  return {
    name: 'report_judgements',
    description: 'Reports a verdict on each claim.',
    schema: z.object({ judgements: z.array(judgement) }),
    isSentOften: true,
  };
}

export const MODERATION_FORM: Form = {
  name: 'report_verdict',
  description: 'Reports whether the image may be analyzed.',
  schema: z.object({ verdict: z.enum(['allowed', 'blocked']), category: z.enum(MODERATION_CATEGORIES), score: SCORE }),
  isSentOften: false,
};

export const SUMMARY_FORM: Form = {
  name: 'report_summary',
  description: 'Reports the summary of the whole image.',
  schema: z.object({ summary: z.string() }),
  isSentOften: false,
};
