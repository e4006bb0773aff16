// The tools of a model that answers a question, and the one form that stands for all of them where a model has no tools. Flat, without
// unions and nulls: every provider's grammar accepts them. How they are read is in pipeline/vision/reading.
import { z } from 'zod';
import type { ToolName } from '../../../contract/questions/search-turn.ts';
import type { Coordinates } from '../../../providers/coordinates.ts';
import { boxShape } from '../forms.ts';
import type { Form } from '../model.ts';

const NOTE = z.string().describe('What you have learned so far that matters, in one sentence.');
const IMAGE = z.number().int().describe('The number of the image in which the box lies.');

/** In the order in which they are offered. */
export function toolForms(coordinates: Coordinates, names: readonly ToolName[]): Form[] {
  const box = boxShape(coordinates);
  const region = z.object({ image: IMAGE, ...box, likelihood: z.number().describe('From 0 to 1.') });
  const evidence = z.object({
    image: IMAGE,
    label: z.string().describe('A short noun.'),
    text: z.string().describe('What is written on it; an empty string if nothing is.'),
    ...box,
  });
  const forms: Record<ToolName, [description: string, schema: z.ZodType]> = {
    zoom: [
      'Shows a region of an image at a higher resolution.',
      z.object({
        note: NOTE,
        image: IMAGE,
        ...box,
        regions: z.array(region).describe('Other regions that may show the answer, the most likely first.'),
      }),
    ],
    find: [
      'Runs object detectors over a region and shows it with what they found.',
      z.object({ note: NOTE, what: z.string().describe('What to detect, as a short noun.'), image: IMAGE, ...box }),
    ],
    read: ['Reads the text in a region and shows it.', z.object({ note: NOTE, image: IMAGE, ...box })],
    ask_person: [
      'Asks the person whose question it is, if only they can know what is meant.',
      z.object({ note: NOTE, question: z.string() }),
    ],
    answer: [
      'Ends the search with the answer.',
      z.object({
        note: NOTE,
        text: z.string().describe('The answer, in a sentence.'),
        found: z.boolean().describe('false if the image does not show it.'),
        confidence: z.number().describe('How sure, from 0 to 1.'),
        evidence: z.array(evidence).describe('Every object or text on which the answer rests.'),
      }),
    ],
  };
  return names.map((name) => ({ name, description: forms[name][0], schema: forms[name][1], isSentOften: true }));
}

/** The fields of all tools in one; those that a tool does not have are ignored. */
export function actionForm(tools: readonly Form[], names: readonly ToolName[]): Form {
  const fields = tools.flatMap(({ schema }) => (schema instanceof z.ZodObject ? Object.entries(schema.shape) : []));
  return {
    name: 'next_step',
    description: 'What to do next.',
    schema: z.object({ tool: z.enum(names), ...Object.fromEntries(fields) }),
    isSentOften: true,
  };
}
