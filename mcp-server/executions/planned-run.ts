// What a dry run returns: the plan of an analysis, with its estimated calls, cost and duration.
import { z } from 'zod';

export const PlannedRun = z.object({
  width: z.number().int().describe('Pixels.'),
  height: z.number().int().describe('Pixels.'),
  levels: z
    .array(z.object({ level: z.number().int(), tiles: z.number().int() }))
    .describe('Level 0 is full resolution; level n is scaled down by 2^n.'),
  tiles: z.number().int().describe('Tiles of all levels.'),
  calls: z
    .number()
    .int()
    .describe('Calls of detection models. Blank tiles need none; their number is known once the image is cut.'),
  input_tokens: z.number().int(),
  output_tokens: z.number().int(),
  cost_usd: z.number().nullable().describe('null if the price of a model is unknown.'),
  seconds: z.number().int(),
  notes: z.array(z.string()).describe('How the request was understood.'),
});
export type PlannedRun = z.infer<typeof PlannedRun>;
