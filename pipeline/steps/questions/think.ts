// A turn of a search, first half: the model gets what it has been shown so far, and decides what to do next.

import { UserError } from '../../contract/errors.ts';
import type { Question } from '../../contract/questions/question.ts';
import type { Look, Thought, ToolName } from '../../contract/questions/search-turn.ts';
import { NO_USAGE } from '../../contract/usage.ts';
import { documents } from '../../documents.ts';
import type { Plan } from '../../planning/plan.ts';
import type { Jpeg, PipelineDeps } from '../../ports.ts';
import { looksOf, type SearchState } from '../../searching/search-state.ts';
import type { SourceImage } from '../source-image.ts';

/** Images besides the overview that a model is shown at once: about 1,500 tokens each. Older ones are taken away, their notes stay. */
const IMAGES_SHOWN_MAX = 8;

export interface Turning {
  executionId: string;
  question: Question;
  plan: Plan;
  state: SearchState;
  tools: readonly ToolName[];
  looksLeft: number;
}

/** Asks no model once the execution was cancelled. */
export async function think(turning: Turning, image: SourceImage, { blobs, vision }: PipelineDeps): Promise<Thought> {
  const { executionId, question, plan, state, tools, looksLeft } = turning;
  if (await blobs.head(documents.cancellation(executionId).key)) return { cancelled: true, usage: NO_USAGE };
  const { model, text } = question;
  if (!vision.nextAction) throw new UserError(`The model ${model} cannot answer questions. Choose a language model.`);
  const shown = new Set(looksOf(state).slice(-IMAGES_SHOWN_MAX));
  const turns = state.turns.map(async ({ look, ...turn }) => ({
    ...turn,
    look: look && { ...look, jpeg: shown.has(look) ? await jpegOf(look, blobs) : null },
  }));
  const [overview, shownTurns] = await Promise.all([image.overview(), Promise.all(turns)]);
  return await vision.nextAction(model, {
    question: text,
    image: { width: plan.width, height: plan.height },
    overview,
    turns: shownTurns,
    tools,
    looksLeft,
    waiting: state.waiting.length,
  });
}

async function jpegOf({ key, width, height }: Look, blobs: PipelineDeps['blobs']): Promise<Jpeg> {
  const bytes = await blobs.get(key);
  if (!bytes) throw new UserError(`The stored image ${key} was deleted. Ask the question again with a new idempotency_key.`);
  return { bytes, width, height };
}
