// Vision by any language model that accepts images and fills in forms. Knows the questions; knows no wire format.
import { withPaid } from '../../contract/errors.ts';
import type { ModelId, Usage } from '../../contract/schemas.ts';
import type { Jpeg, Vision } from '../../ports.ts';
import type { ModelProfile } from '../../providers/model-profiles.ts';
import { costOf, unknownPriceNote } from '../../providers/prices.ts';
import { profileOf } from '../../providers/profile-of.ts';
import { conventionWatch } from '../convention-watch.ts';
import { fitJpeg } from '../jpeg-tools.ts';
import { frameOf } from '../prompts/box-frame.ts';
import { judgePrompt } from '../prompts/judge-prompt.ts';
import { moderatePrompt } from '../prompts/moderate-prompt.ts';
import { SUMMARY_LENGTH_ASKED, summarizePrompt } from '../prompts/summarize-prompt.ts';
import { verifyPrompt } from '../prompts/verify-prompt.ts';
import { judgementsReader, readModeration, readSummary, verificationReader } from '../reading/read-answers.ts';
import { askModel, type Purpose } from './ask-model.ts';
import { detect, locate } from './detect.ts';
import { judgementsForm, MODERATION_FORM, SUMMARY_FORM, verificationForm } from './forms.ts';
import { type Model, type Question, type Through, type Tokens, totalTokens } from './model.ts';
import { nextAction } from './turns/next-action.ts';

const OTHER_MODEL = 'Choose another model.';

/** From calibration, from the configuration, or from the registry. */
export type Profiles = (model: ModelId) => Promise<ModelProfile>;
const registeredProfiles: Profiles = async (model) => profileOf(model);

export interface LlmOptions {
  /** Those of the registry by default. */
  profiles?: Profiles;
  /** For each request: the correction of an answer and half a tile are requests of their own. At once by default. */
  through?: Through;
}

export function llmVision(request: Model, { profiles = registeredProfiles, through = (_, call) => call() }: LlmOptions): Vision {
  const send: Model = (model, question) => through(model, () => request(model, question));
  const watch = conventionWatch();
  const ask = async <T>(model: ModelId, purpose: Purpose<T>, question: Omit<Question, 'form' | 'repair'>) => {
    const { answer, tokens, notes } = await paying(send, model, (counted) => askModel(counted, model, purpose, question));
    return { answer, usage: usageOf(model, tokens), notes };
  };
  return {
    /** Throws if there is no valid verdict, whatever the reason: an image is never allowed by default. */
    async moderate(model, image) {
      const purpose = {
        wanted: 'moderation verdict',
        whenTooLong: OTHER_MODEL,
        form: MODERATION_FORM,
        read: readModeration,
        wholeTextOnly: true,
      };
      const sent = await fitted(image, await profiles(model));
      const { answer, usage, notes } = await ask(model, purpose, { ...moderatePrompt(), image: sent });
      return { ...answer, usage, ...(notes.length > 0 && { notes }) };
    },
    async detect(model, tile, ask, mayContinue = () => true) {
      const profile = await profiles(model);
      const { tokens, notes, ...answer } = await paying(send, model, (counted, spent) => {
        const asked = { send: counted, model, ask, watch, mayContinue: () => mayContinue(usageOf(model, spent())) };
        return detect(asked, profile, tile);
      });
      const usage = usageOf(model, tokens);
      if (profile.knownFrom === 'assumed') notes.push(assumedNote(model));
      if (isCounted(tokens) && usage.cost_usd === null) notes.push(unknownPriceNote(model));
      return { ...answer, usage, notes };
    },
    async locate(model, image, question) {
      const { marks, tokens } = await paying(send, model, (counted) => locate(counted, model, image, question));
      return { marks, usage: usageOf(model, tokens) };
    },
    async verify(model, crop, task) {
      const profile = await profiles(model);
      const frame = frameOf(crop, profile);
      const purpose = {
        wanted: 'verification',
        whenTooLong: OTHER_MODEL,
        form: verificationForm(frame.coordinates),
        read: verificationReader(frame),
        wholeTextOnly: true,
      };
      const image = await fitted(crop, profile);
      const { answer, usage, notes } = await ask(model, purpose, { ...verifyPrompt(task, frame), image });
      return { ...answer, usage, notes };
    },
    async judge(model, crop, question) {
      const profile = await profiles(model);
      const frame = frameOf(crop, profile);
      const purpose = {
        wanted: 'judgement',
        whenTooLong: OTHER_MODEL,
        form: judgementsForm(frame.coordinates),
        read: judgementsReader(frame, question.claims.length),
        wholeTextOnly: true,
      };
      const image = await fitted(crop, profile);
      const { answer, usage, notes } = await ask(model, purpose, { ...judgePrompt(question, frame), image });
      return { verdicts: answer, usage, notes };
    },
    async nextAction(model, material) {
      const profile = await profiles(model);
      const { action, tokens, notes } = await paying(send, model, (counted) => nextAction(counted, model, profile, material));
      return { action, usage: usageOf(model, tokens), notes };
    },
    async summarize(model, material) {
      const purpose = { wanted: 'summary', whenTooLong: OTHER_MODEL, form: SUMMARY_FORM, read: readSummary };
      const prompt = summarizePrompt(material, SUMMARY_LENGTH_ASKED);
      const image = await fitted(await material.overview(), await profiles(model));
      const { answer, usage, notes } = await ask(model, purpose, { ...prompt, image });
      return { summary: answer, usage, notes };
    },
  };
}

/** Counts the tokens of all calls. An error names what those before it have cost. */
async function paying<T>(
  send: Model,
  model: ModelId,
  ask: (counted: Model, spent: () => Tokens) => Promise<T>,
): Promise<T & { tokens: Tokens }> {
  const calls: Tokens[] = [];
  const spent = () => totalTokens(calls);
  const counted: Model = async (id, question) => {
    const reply = await send(id, question);
    calls.push(reply.tokens);
    return reply;
  };
  try {
    const answered = await ask(counted, spent);
    return { ...answered, tokens: spent() };
  } catch (error) {
    const tokens = spent();
    throw isCounted(tokens) ? withPaid(error, usageOf(model, tokens)) : error;
  }
}

function assumedNote(model: ModelId): string {
  return `The convention in which ${model} reports boxes is not published, so boxes may be off. Measure it with "npx tilesight calibrate ${model}".`;
}

async function fitted(image: Jpeg, { intake, bytesMax }: ModelProfile): Promise<Jpeg> {
  return await fitJpeg(image, { ...intake.seen(image), bytesMax });
}

function usageOf(model: ModelId, tokens: Tokens): Usage {
  const { input_tokens, output_tokens } = tokens;
  return { input_tokens, output_tokens, cost_usd: isCounted(tokens) ? costOf(model, tokens) : null };
}

/** False if the server does not count tokens: every question has some. */
function isCounted({ input_tokens, output_tokens }: Tokens): boolean {
  return input_tokens + output_tokens > 0;
}
