// The search for an answer as durable operations: in each turn the model decides what to do next, then a part of the image is shown to it.
// A step keeps only its own result. Order and names of the operations are how an execution in flight resumes: contract/protocol.ts.
import { CallbackTimeoutError, type DurableContext } from '@aws/durable-execution-sdk-js';
import { asking } from './asking.ts';
import { STEPS } from './contract/protocol.ts';
import { QUESTION_TOKENS_MAX, type Question, REPLY_CHARACTERS_MAX, REPLY_SECONDS_MAX } from './contract/questions/question.ts';
import type { Look, Thought, ToolName } from './contract/questions/search-turn.ts';
import type { AnalysisRequest, Usage } from './contract/schemas.ts';
import { NO_USAGE, totalUsage } from './contract/usage.ts';
import { documents, writeDocument } from './documents.ts';
import { withOverflow } from './durable/checkpoint-overflow.ts';
import { retryTransient, retryVerification } from './durable/retry-policy.ts';
import type { Inspected } from './planning/inspected.ts';
import type { Plan } from './planning/plan.ts';
import type { PipelineDeps } from './ports.ts';
import type { ProgressReport } from './progress/progress-writer.ts';
import { IDLE_TURNS_MAX, type Move, mustAnswer, nextMove } from './searching/next-move.ts';
import { afterTurn, emptySearch, looksOf, type SearchState, type Turn } from './searching/search-state.ts';
import { stepDocuments } from './step-documents.ts';
import { lookCloser } from './steps/questions/look-closer.ts';
import { openTiles } from './steps/questions/open-tiles.ts';
import { type NoAnswer, type SearchResult, storeAnswer } from './steps/questions/store-answer.ts';
import { think } from './steps/questions/think.ts';
import type { SourceImage } from './steps/source-image.ts';
import type { StoredResults } from './steps/store-results.ts';
import { loggingFailure } from './telemetry/log-context.ts';

interface Run {
  request: AnalysisRequest;
  context: DurableContext;
  progress: ProgressReport;
  image: SourceImage;
  deps: PipelineDeps;
}

const retry = { retryStrategy: retryTransient };

/** Turns without a look: repetitions, corrections, questions to a person. With LOOKS_MAX looks, retries included, 600 operations. */
const OTHER_TURNS_MAX = 12;
/** Answers in a row that cannot be used. */
const UNUSABLE_MAX = 2;

/** A question about an image that another execution has moderated and cut into tiles. */
export async function openEarlier(
  { request, context, progress, deps }: Run,
  about: { execution_id: string },
): Promise<Inspected> {
  const read = () => openTiles(request, about, deps);
  const inspected = await context.step(STEPS.openTiles, loggingFailure(deps.log, { step: STEPS.openTiles }, read), retry);
  progress.inspected(inspected, 0);
  return inspected;
}

/** The evidence of the answer is stored as findings are. */
export async function answerQuestion(
  run: Run,
  question: Question,
  { inspected, moderation }: { inspected: Inspected; moderation: { usage: Usage } },
): Promise<StoredResults> {
  const { request, context, progress, image, deps } = run;
  progress.phase('ask');
  const found = await search(run, question, inspected.plan, [moderation.usage]);
  progress.phase('store');
  const store = () => storeAnswer(request, inspected, found, { image, progress }, deps);
  return await context.step(STEPS.storeAnswer, loggingFailure(deps.log, { step: STEPS.storeAnswer }, store), retry);
}

async function search(run: Run, question: Question, plan: Plan, usages: Usage[]): Promise<SearchResult> {
  const { request, context, progress, image, deps } = run;
  const notes = new Set<string>();
  const turnsMax = question.looks_max + OTHER_TURNS_MAX;
  let state = emptySearch();
  let unusable = 0;
  const result = (outcome: SearchResult['outcome']): SearchResult => {
    return { turns: state.turns, outcome, usage: totalUsage(usages), notes: [...notes] };
  };
  for (let turn = 0; turn < turnsMax; turn++) {
    const looks = looksOf(state).length;
    const spent = totalUsage(usages);
    progress.searching({ looks, looks_max: question.looks_max }, spent);
    const exhausted = budgetReason(spent, request.max_cost_usd, looks);
    if (exhausted) return result(exhausted);
    const looksLeft = turn === turnsMax - 1 ? 0 : question.looks_max - looks;
    const turning = {
      executionId: request.execution_id,
      question,
      plan,
      state,
      tools: toolsFor(question, state, looksLeft),
      looksLeft,
    };
    const step = STEPS.think(turn);
    const body = asking<Thought>(step, run, question.model, () => think(turning, image, deps), unusableThought);
    const thought = await context.step(step, body, {
      retryStrategy: retryVerification,
      serdes: withOverflow(stepDocuments.thought(request.execution_id, step), deps.blobs),
    });
    if ('cancelled' in thought)
      return result({ why: 'cancelled', reason: `The question was cancelled after ${looksIn(looks)}.` });
    usages.push(thought.usage);
    if ('unusable' in thought) {
      if (++unusable < UNUSABLE_MAX) continue;
      const isEnded = mustAnswer(state, { looksLeft });
      return result(isEnded ? unanswered(question, state) : { why: 'unusable', reason: thought.unusable });
    }
    unusable = 0;
    for (const note of thought.notes) notes.add(note);
    const { action } = thought;
    const move = nextMove(state, action, plan, { looksLeft, hasPerson: question.may_ask === true });
    if (move.kind === 'answer') return result(move.answer);
    const next = await follow(run, question, plan, { move, turn, number: looks + 1, spent: totalUsage(usages) });
    if (next.look) usages.push(next.look.usage);
    for (const note of next.look?.notes ?? []) notes.add(note);
    state = afterTurn(state, { action, ...next });
    if (state.idle >= IDLE_TURNS_MAX)
      notes.add('The model repeated itself or asked for nothing that could be shown, so it had to answer early.');
  }
  return result(unanswered(question, state));
}

/** The next turn asks again. */
function unusableThought({ message }: Error): Thought {
  return { unusable: message, usage: NO_USAGE };
}

function unanswered({ model }: Question, state: SearchState): NoAnswer {
  const sentence = `${model} gave no answer after ${looksIn(looksOf(state).length)}`;
  const reason =
    state.idle >= IDLE_TURNS_MAX
      ? `${sentence}: it repeated itself or asked for nothing that could be shown. Ask again with a narrower question or another model.`
      : `${sentence}, although no look was left. Ask again with more max_looks, a narrower question or another model.`;
  return { why: 'budget', reason };
}

/** Nothing but an answer once the search must end. */
function toolsFor({ may_ask }: Question, state: SearchState, looksLeft: number): ToolName[] {
  if (mustAnswer(state, { looksLeft })) return ['answer'];
  return ['zoom', 'find', 'read', ...(may_ask === true ? (['ask_person'] as const) : []), 'answer'];
}

/** The second half of a turn. */
async function follow(
  run: Run,
  question: Question,
  plan: Plan,
  { move, turn, number, spent }: { move: Exclude<Move, { kind: 'answer' }>; turn: number; number: number; spent: Usage },
): Promise<Omit<Turn, 'action'>> {
  const { request, context, deps } = run;
  if (move.kind === 'reply') return { reply: move.reply, look: null, person: null };
  if (move.kind === 'person') return await askPerson(run, question, { asks: move.question, turn, looks: number - 1, spent });
  const leftUsd = request.max_cost_usd === null ? null : Math.max(0, request.max_cost_usd - (spent.cost_usd ?? 0));
  const step = STEPS.lookCloser(turn);
  const show = (): Promise<Look> => lookCloser(request, plan, { ...move.wanted, number, leftUsd }, deps);
  const look = await context.step(step, loggingFailure(deps.log, { step }, show), {
    ...retry,
    serdes: withOverflow(stepDocuments.look(request.execution_id, step), deps.blobs),
  });
  return { reply: move.reply, look, person: null };
}

/** Suspends until the person replies: no process waits. The reply is data to the model. */
async function askPerson(
  { request, context, progress, deps }: Run,
  { looks_max }: Question,
  { asks, turn, looks, spent }: { asks: string; turn: number; looks: number; spent: Usage },
): Promise<Omit<Turn, 'action'>> {
  progress.searching({ looks, looks_max, asks }, spent);
  const name = STEPS.askPerson(turn);
  const open = async (callback_id: string) => {
    await writeDocument(documents.wait(request.execution_id, name), { callback_id }, deps.blobs);
  };
  const reply = await context.waitForCallback(name, open, { timeout: { seconds: REPLY_SECONDS_MAX } }).catch((error: unknown) => {
    if (error instanceof CallbackTimeoutError) return '';
    throw error;
  });
  const person = typeof reply === 'string' && reply !== '' ? reply.slice(0, REPLY_CHARACTERS_MAX) : null;
  return { reply: person === null ? 'no-person' : 'person', look: null, person };
}

/** `null` while another call may follow. */
function budgetReason(spent: Usage, maxCostUsd: number | null, looks: number): NoAnswer | null {
  const { input_tokens, output_tokens, cost_usd } = spent;
  if (maxCostUsd !== null && cost_usd !== null && cost_usd >= maxCostUsd) {
    const reason = `The budget of ${maxCostUsd} USD was spent after ${looksIn(looks)}, before the question was answered. Ask again with a larger max_cost_usd.`;
    return { why: 'budget', reason };
  }
  if (input_tokens + output_tokens < QUESTION_TOKENS_MAX) return null;
  const reason = `The limit of ${QUESTION_TOKENS_MAX} tokens was reached after ${looksIn(looks)}, before the question was answered. Ask again with fewer max_looks, or a narrower question.`;
  return { why: 'budget', reason };
}

function looksIn(looks: number): string {
  return looks === 1 ? '1 look' : `${looks} looks`;
}
