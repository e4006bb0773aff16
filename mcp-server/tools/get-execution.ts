// get_execution: how far an analysis is, and where its results are.
import { z } from 'zod';
import { ExecutionView, viewExecution } from '../execution-view.ts';
import type { Tool } from './define.ts';

export const ExecutionId = z.string().regex(/^[a-zA-Z0-9-_]{1,64}$/, 'Expected an execution_id as analyze_image returned it.');
export const WAIT_MAX_S = 25; // below the 30 s after which clients and gateways give up

const input = z.strictObject({
  execution_id: ExecutionId,
  wait_seconds: z.number().min(0).max(WAIT_MAX_S).default(0).describe('Wait this long for news before answering; saves polling.'),
});

export const getExecution: Tool<typeof input, typeof ExecutionView> = {
  name: 'get_execution',
  title: 'See how far an analysis is',
  description:
    'Use this after analyze_image. Returns status (RUNNING, SUCCEEDED, PARTIAL, FAILED, BLOCKED, CANCELLED, TIMED_OUT), phase, tiles done, ' +
    'findings so far, time left, and at the end a summary and links to findings.json and overlay.jpg. ' +
    'While RUNNING call it again after poll_after_seconds or with wait_seconds; then call list_findings.',
  input,
  output: ExecutionView,
  annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
  run: async ({ execution_id, wait_seconds }, deps) => await viewExecution(execution_id, wait_seconds, deps),
};
