// report_tiles: takes what an agent saw in the tiles that next_tiles handed out.
import { z } from 'zod';
import { ExecutionId } from '../../pipeline/contract/schemas.ts';
import type { Tool } from './define.ts';

const REPORTS_MAX = 8;

/** Read as the answer of any model, one by one, so that a fault in one of them does not lose the call. */
const detection = z.record(z.string(), z.unknown()).meta({
  properties: {
    label: { type: 'string' },
    left: { type: 'number' },
    top: { type: 'number' },
    right: { type: 'number' },
    bottom: { type: 'number' },
    score: { type: 'number' },
    severity: { type: 'string' },
    description: { type: 'string' },
    text: { type: 'string' },
  },
});

const input = z.strictObject({
  execution_id: ExecutionId,
  reports: z
    .array(
      z.object({
        tile: z.string().max(100),
        detections: z.array(detection).optional(),
        verdict: z.string().max(20).optional(),
      }),
    )
    .min(1)
    .max(REPORTS_MAX)
    .describe('tile is its id. Boxes are in pixels of the image that you got.'),
});

const output = z.object({
  accepted: z.number().int(),
  refused: z.array(z.object({ tile: z.string(), reason: z.string() })).describe('Reports that were not taken.'),
  pending: z.number().int().describe('Tiles without a report.'),
  next_step: z.string().describe('Which tool to call next.'),
});

export const reportTiles = {
  name: 'report_tiles',
  title: 'Report what is in your tiles',
  description:
    'Use this after next_tiles to report what you see: one report for each tile, with an empty list of detections if nothing fits. ' +
    'Next: next_tiles, until none is pending; then get_execution.',
  input,
  output,
  owned: { execution_id: 'execution' },
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  async run({ execution_id, reports }, deps) {
    await deps.progress.current(execution_id); // a sentence, if there is no such execution
    // Not at a cold start.
    const [{ takeReport }, { settle }] = await Promise.all([
      import('../executions/agent/take-reports.ts'),
      import('../executions/agent/boards.ts'),
    ]);
    const refused: z.infer<typeof output>['refused'] = [];
    for (const report of reports) {
      const reason = await takeReport(execution_id, report, deps);
      if (reason !== null) refused.push({ tile: report.tile, reason });
    }
    const pending = await settle(execution_id, deps);
    // A tile whose report was refused stays with the agent, and next_tiles may have nothing else to hand out.
    const again =
      refused.length > 0 ? 'Read refused: correct what its reasons name and call report_tiles again. Then call' : 'Call';
    const next = pending > 0 ? `${again} next_tiles for more` : 'Call get_execution with wait_seconds 20';
    return {
      accepted: reports.length - refused.length,
      refused,
      pending,
      next_step: `${next}, with execution_id ${execution_id}.`,
    };
  },
} as const satisfies Tool<typeof input, typeof output>;
