// get_execution: how far an analysis is, and where its results are.
import { z } from 'zod';
import { Artifacts, artifactsOf } from '../executions/artifacts.ts';
import { ExecutionView, viewExecution } from '../executions/status.ts';
import { concise } from '../executions/token-budget.ts';
import type { Tool } from './define.ts';

export const ExecutionId = z.string().regex(/^[a-zA-Z0-9-_]{1,64}$/, 'Expected an execution_id as analyze_image returned it.');
export const WAIT_MAX_S = 25; // below the 30 s after which clients and gateways give up

const input = z.strictObject({
  execution_id: ExecutionId,
  wait_seconds: z.number().min(0).max(WAIT_MAX_S).default(0).describe('Wait this long for news before answering; saves polling.'),
  response_format: z
    .enum(['concise', 'detailed'])
    .default('concise')
    .describe('detailed adds links to the files, and what concise cuts.'),
});

const output = ExecutionView.extend({
  artifacts: Artifacts.optional().describe('Links for an hour; with detailed.'),
});

export const getExecution: Tool<typeof input, typeof output> = {
  name: 'get_execution',
  title: 'See how far an analysis is',
  description:
    'Use this after analyze_image. Returns status, phase, tiles done, findings so far, time left, and at the end a summary and, ' +
    'with response_format detailed, links to the files. ' +
    'While RUNNING call it again after poll_after_seconds or with wait_seconds; then call list_findings.',
  input,
  output,
  annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
  async run({ execution_id, wait_seconds, response_format }, deps) {
    const view = await viewExecution(execution_id, wait_seconds, deps);
    return response_format === 'concise' ? concise(view) : { ...view, artifacts: await artifactsOf(view, deps) };
  },
};
