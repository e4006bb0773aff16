// delete_execution: deletes an analysis with everything stored for it.
import { z } from 'zod';
import { ExecutionId } from '../../pipeline/contract/schemas.ts';
import { deleteExecution as deleteStored } from '../executions/deletion.ts';
import type { Tool } from './define.ts';

const input = z.strictObject({ execution_id: ExecutionId });

const output = z.object({
  execution_id: z.string(),
  deleted: z.literal(true),
  next_step: z.string().describe('What the same analyze_image request does now.'),
});

export const deleteExecution = {
  name: 'delete_execution',
  title: 'Delete an analysis',
  description:
    'Use this only if the user wants to delete an analysis: deletes its findings, report, overlay, exports and tiles for good. An uploaded image ' +
    'is not deleted. Cancel a running analysis first.',
  input,
  output,
  owned: { execution_id: 'execution' },
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
  confirmation: ({ execution_id }) =>
    `Delete the analysis ${execution_id} with its findings, report, overlay, exports and tiles for good?`,
  async run({ execution_id }, deps) {
    const nameIsFree = await deleteStored(execution_id, deps);
    const next_step = nameIsFree
      ? 'The same request to analyze_image starts a new analysis.'
      : 'To analyze the image again, send analyze_image with a new idempotency_key.';
    return { execution_id, deleted: true, next_step };
  },
} as const satisfies Tool<typeof input, typeof output>;
