// ask_image: starts the search for the answer to a question about an image, or returns what it has come to.
import { z } from 'zod';
import { UserError } from '../../pipeline/contract/errors.ts';
import { keys } from '../../pipeline/contract/keys.ts';
import {
  LOOKS_DEFAULT,
  LOOKS_MAX,
  QUESTION_CHARACTERS_MAX,
  REPLY_CHARACTERS_MAX,
} from '../../pipeline/contract/questions/question.ts';
import { type AnalysisRequest, Box, ExecutionId, type ModelId } from '../../pipeline/contract/schemas.ts';
import { documents, readDocument } from '../../pipeline/documents.ts';
import { checkCost } from '../access/cost-limit.ts';
import type { ToolDeps } from '../access/deps.ts';
import { askModelOf } from '../access/model-policy.ts';
import { executionName } from '../executions/execution-name.ts';
import { startExecution, WHOLE_IMAGE } from '../executions/start.ts';
import { ExecutionView, viewEnd } from '../executions/status.ts';
import { readFindings, readPlan } from '../executions/stored-findings.ts';
import { pageNumber, waitForEnd } from './arguments.ts';
import type { Tool } from './define.ts';

/** 20 of at most 140 tokens. */
const EVIDENCE_SHOWN_MAX = 20;
const TEXT_CHARACTERS_MAX = 200;
const WAITS_MAX = 10;
const NO_QUESTION = 'question is missing. Send it, or reply with the execution_id of a question that asks back.';

const input = z.strictObject({
  image: z.string().min(1).max(2_000).optional().describe('As for analyze_image.'),
  execution_id: ExecutionId.optional().describe('Instead of image: one that has ended. Reuses its tiles.'),
  question: z.string().min(1).max(QUESTION_CHARACTERS_MAX).optional(),
  page: pageNumber,
  max_looks: z.number().int().min(1).max(LOOKS_MAX).default(LOOKS_DEFAULT).describe('Regions that it views, at most.'),
  max_cost_usd: z.number().positive().optional(),
  may_ask: z.boolean().default(false).describe('The model may ask back.'),
  reply: z
    .string()
    .min(1)
    .max(REPLY_CHARACTERS_MAX)
    .optional()
    .describe('To what it asks: with its execution_id, without question.'),
  idempotency_key: z.string().min(1).max(200).optional().describe('A new key asks again.'),
  wait_seconds: waitForEnd,
});

const output = ExecutionView.pick({
  execution_id: true,
  status: true,
  reason: true,
  notes: true,
  poll_after_seconds: true,
  next_step: true,
}).extend({
  created: z.boolean().describe('false if the same question was asked before.'),
  answer: z.string().nullable().describe('null until the search has ended, and if it ended without an answer.'),
  found: z.boolean().nullable().describe('false if the image does not show it.'),
  confidence: z.number().nullable().describe('The own estimate of the model, from 0 to 1.'),
  evidence: z
    .array(z.object({ id: z.string(), label: z.string(), text: z.string().nullable(), box: Box }))
    .describe('Findings on which the answer rests, at most 20: view_region shows them, list_findings lists all.'),
  looks: z.number().int().describe('Looks so far.'),
  asks: z.string().nullable().describe('What the model asks back; it waits for reply.'),
});

export const askImage = {
  name: 'ask_image',
  title: 'Ask a question about an image',
  description:
    'Use this to get the answer to a question about details of a large image: a model of this server searches it region by region until it is sure, ' +
    'and cites evidence with boxes. Next: get_execution until it has ended; then the same call, or summary, has the answer.',
  input,
  output,
  owned: { image: 'image', execution_id: 'execution' },
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  async run(args, deps) {
    if (args.reply !== undefined) return await replied(args, args.reply, deps);
    const named = await namedImage(args, deps);
    const { question } = args;
    if (question === undefined) throw new UserError(NO_QUESTION);
    const model = askModelOf(deps.models);
    const asked = { ...args, question, ...named, max_cost_usd: checkCost(args.max_cost_usd, deps) };
    const request = questionRequest(asked, model, deps);
    const execution_id = await executionName(request, args.idempotency_key ?? null, deps.deployment);
    const { created } = await startExecution({ execution_id, ...request }, deps);
    return { ...(await answerOf(execution_id, args.wait_seconds, deps)), created };
  },
} as const satisfies Tool<typeof input, typeof output>;

/** What the search has come to after at most `waitSeconds`. */
async function answerOf(
  executionId: string,
  waitSeconds: number,
  deps: ToolDeps,
): Promise<Omit<z.infer<typeof output>, 'created'>> {
  const view = await viewEnd(executionId, waitSeconds, deps);
  const isRunning = view.status === 'RUNNING';
  const document = isRunning ? null : await readFindings(executionId, deps);
  const search = isRunning ? (await deps.progress.stored(executionId))?.search : undefined;
  const answered = document?.answer;
  const evidence = document?.findings.slice(0, EVIDENCE_SHOWN_MAX) ?? [];
  return {
    ...view,
    answer: answered?.text ?? null,
    found: answered?.text ? answered.found : null,
    confidence: answered?.confidence ?? null,
    evidence: evidence.map(({ id, label, text, box }) => ({
      id,
      label,
      text: text === null ? null : text.slice(0, TEXT_CHARACTERS_MAX),
      box,
    })),
    looks: answered?.looks ?? search?.looks ?? 0,
    asks: search?.asks ?? null,
  };
}

/** Gives the model the reply that its search waits for. */
async function replied({ execution_id, image, question, wait_seconds }: z.infer<typeof input>, reply: string, deps: ToolDeps) {
  if (execution_id === undefined || image !== undefined || question !== undefined) {
    throw new UserError('reply goes with the execution_id of the question that asks back, and without image and question.');
  }
  await deps.progress.current(execution_id); // throws for an execution that is not there
  for (const key of await deps.blobs.list(keys.waitsFolder(execution_id), { limit: WAITS_MAX })) {
    const wait = await readDocument(documents.waitAt(key), deps.blobs);
    const taken =
      wait && (await deps.callbacks.succeed({ executionId: execution_id, callbackId: wait.callback_id }, reply)) === 'taken';
    if (taken) return { ...(await answerOf(execution_id, wait_seconds, deps)), created: false };
  }
  throw new UserError(
    `Execution ${execution_id} waits for no reply: it asks nothing, or was answered before. Call get_execution for its state.`,
  );
}

type Named = Pick<AnalysisRequest, 'image' | 'page'> & { about: { execution_id: string; pyramid_of: string } | null };

/** The image, or the execution that has cut it into tiles. */
async function namedImage({ image, execution_id, page }: z.infer<typeof input>, deps: ToolDeps): Promise<Named> {
  if ((image === undefined) === (execution_id === undefined)) {
    throw new UserError('Send either image or execution_id: one of them is needed.');
  }
  if (image !== undefined) return { image: await deps.images.resolve(image), page, about: null };
  if (page !== 1) throw new UserError('page belongs to image. Leave it out with execution_id.');
  if (execution_id === undefined) throw new Error('Expected an execution_id.');
  const { request, pyramid_of } = await readPlan(execution_id, deps);
  return { image: request.image, page: request.page, about: { execution_id, pyramid_of } };
}

interface Asked extends Pick<AnalysisRequest, 'image' | 'page' | 'max_cost_usd'> {
  question: string;
  max_looks: number;
  may_ask: boolean;
  /** The execution whose tiles are used. */
  about: { execution_id: string; pyramid_of: string } | null;
}

/** The detection models of the deployment look for what the model of the question wants to find. */
function questionRequest(
  { image, page, max_cost_usd, question, max_looks, may_ask, about }: Asked,
  model: ModelId,
  { models, owner }: Pick<ToolDeps, 'models' | 'owner'>,
): Omit<AnalysisRequest, 'execution_id'> {
  const { moderation, detection } = models.defaults;
  return {
    purpose: 'ask',
    image,
    page,
    ask: { look_for: question, labels: [] },
    plan: WHOLE_IMAGE,
    max_cost_usd,
    retry_of: null,
    owner,
    verify: false,
    models: { moderation, detection, verification: null, synthesis: 'rules:summary' },
    question: { text: question, model, looks_max: max_looks, ...(may_ask && { may_ask }), about },
  };
}
