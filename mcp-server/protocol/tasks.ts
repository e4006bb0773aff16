// The Tasks extension: for clients that declare it, a running analysis is a task whose id is the execution_id. Other clients start and
// poll with tools. Knows nothing of how an analysis is started, described or cancelled: the tools do that.
import {
  CLIENT_CAPABILITIES_META_KEY,
  type McpServer,
  MissingRequiredClientCapabilityError,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { mustBeFixed } from '../../pipeline/contract/errors.ts';
import { ExecutionId } from '../../pipeline/contract/schemas.ts';
import type { ToolDeps } from '../access/deps.ts';
import { creationOf } from '../executions/start.ts';
import { progressInWords, viewExecution } from '../executions/status.ts';
import { analyzeImage } from '../tools/analyze-image.ts';
import { cancelExecution } from '../tools/cancel-execution.ts';
import { answerWith, sentenceFor } from './answers.ts';

const TASKS = 'io.modelcontextprotocol/tasks';
const KEPT_MS = 86_400_000; // a day; executions are kept longer, until they are deleted

/** In the envelope of every request, since the protocol has no sessions. */
const Declaration = z.object({ [CLIENT_CAPABILITIES_META_KEY]: z.object({ extensions: z.object({ [TASKS]: z.object({}) }) }) });
const Params = z.looseObject({ taskId: z.string() });
const Result = z.looseObject({});

/** The task that replaces an answer with status RUNNING; `null` if the client does not declare tasks, or the analysis has ended. */
export async function taskFor(answer: object, context: ServerContext, deps: ToolDeps): Promise<object | null> {
  if (!declaresTasks(context)) return null;
  const running = z.object({ execution_id: z.string(), status: z.literal('RUNNING') }).safeParse(answer);
  if (!running.success) return null;
  const { result: _, ...task } = await taskOf(running.data.execution_id, deps); // tasks/get returns the result of one that has just ended
  return { resultType: 'task', ...task };
}

/** For clients of 2026-07-28 only: those of 2025 have no extensions. */
export function addTasks({ server }: McpServer, deps: ToolDeps): void {
  server.registerCapabilities({ extensions: { [TASKS]: {} } });
  const methods: Record<string, (executionId: string) => Promise<object>> = {
    'tasks/get': (executionId) => taskOf(executionId, deps),
    // No task asks for input, so there is nothing to update.
    'tasks/update': (executionId) => deps.progress.current(executionId).then(acknowledged),
    'tasks/cancel': (executionId) => cancelExecution.run({ execution_id: executionId }, deps).then(acknowledged),
  };
  for (const [method, run] of Object.entries(methods)) {
    server.setRequestHandler(method, { params: Params, result: Result }, async ({ taskId }, context) => {
      if (!declaresTasks(context))
        throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { extensions: { [TASKS]: {} } } });
      return { ...(await withSentences(method, () => run(checkedId(taskId)), deps)) };
    });
  }
}

const acknowledged = () => ({});

function declaresTasks({ mcpReq }: ServerContext): boolean {
  return Declaration.safeParse(mcpReq.envelope).success;
}

/** A failed analysis is a completed task whose result has the reason. A failed task would mean that the protocol failed. */
async function taskOf(executionId: string, deps: ToolDeps): Promise<Record<string, unknown>> {
  const view = await viewExecution(executionId, 0, deps);
  const { phase, tiles } = view;
  const { started_at, updated_at } = await deps.progress.current(executionId);
  const createdAt = (await creationOf(executionId, deps)) ?? started_at;
  const task = { taskId: executionId, createdAt, lastUpdatedAt: updated_at, ttlMs: KEPT_MS };
  if (view.status === 'RUNNING')
    return {
      ...task,
      status: 'working',
      statusMessage: progressInWords({ phase, tiles, findings: view.findings_so_far }),
      pollIntervalMs: view.poll_after_seconds * 1_000,
    };
  if (view.status === 'CANCELLED') return { ...task, status: 'cancelled', statusMessage: view.next_step };
  const answer = answerWith(analyzeImage.output.parse({ ...view, created: false, plan: null }));
  // The SDK adds the resultType to an outer result only; clients of 2026-07-28 refuse an inner one without it.
  return { ...task, status: 'completed', result: { resultType: 'complete', ...answer } };
}

function checkedId(taskId: string): string {
  const { success, data } = ExecutionId.safeParse(taskId);
  if (success) return data;
  throw new ProtocolError(
    ProtocolErrorCode.InvalidParams,
    'The taskId is not the id of a task of this server. Use the taskId that analyze_image returned.',
  );
}

async function withSentences<Answer>(method: string, run: () => Promise<Answer>, deps: ToolDeps): Promise<Answer> {
  try {
    return await run();
  } catch (error) {
    const code = mustBeFixed(error) ? ProtocolErrorCode.InvalidParams : ProtocolErrorCode.InternalError;
    throw error instanceof ProtocolError ? error : new ProtocolError(code, sentenceFor({ method }, error, deps));
  }
}
