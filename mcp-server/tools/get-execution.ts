// get_execution: the progress of an analysis and, at its end, where the results are.
import { z } from 'zod';
import { ExecutionId, Status } from '../../pipeline/contract/schemas.ts';
import { Artifacts, artifactsOf } from '../executions/artifacts.ts';
import { ExecutionView, viewExecution } from '../executions/status.ts';
import { concise } from '../executions/token-budget.ts';
import { responseFormat, WAIT_MAX_S } from './arguments.ts';
import type { Tool } from './define.ts';

const input = z.strictObject({
  execution_id: ExecutionId,
  wait_seconds: z
    .number()
    .min(0)
    .max(WAIT_MAX_S)
    .default(0)
    .describe('Seconds to wait for another phase or the end before answering.'),
  response_format: responseFormat.describe('detailed adds links to the files and everything that concise shortens.'),
});

const output = ExecutionView.extend({
  artifacts: Artifacts.optional().describe('Links that are valid for an hour; only with response_format detailed.'),
});

export const getExecution = {
  name: 'get_execution',
  title: 'Get the progress of an analysis',
  description:
    `Use this after analyze_image. Returns status (${Status.options.join(', ')}), phase, tiles, ` +
    'findings so far and time left, and at the end a summary and, with response_format detailed, links to the files. ' +
    'While RUNNING call it again after poll_after_seconds or with wait_seconds; then call list_findings.',
  input,
  output,
  owned: { execution_id: 'execution' },
  annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
  async run({ execution_id, wait_seconds, response_format }, deps) {
    const view = await viewExecution(execution_id, wait_seconds, deps);
    return response_format === 'concise' ? concise(view) : { ...view, artifacts: await artifactsOf(view, deps) };
  },
} as const satisfies Tool<typeof input, typeof output>;
