// Vision by any OpenAI-compatible server, `openai:<id>`: Ollama, vLLM, LM Studio, OpenAI. Images are data URLs, the form is a strict
// JSON schema. Knows only this wire format; llm-vision.ts knows the questions.
import type OpenAI from 'openai';
import { UserError } from '../../contract/errors.ts';
import type { ModelId } from '../../contract/schemas.ts';
import type { Vision } from '../../ports.ts';
import { NO_OPENAI_SERVER } from '../../providers/provider-registry.ts';
import { type LlmOptions, llmVision } from './llm-vision.ts';
import { idAtProvider, imageRefused, type Model, type Question } from './model.ts';
import { errorIn, failedGenerationIn, openaiReply } from './openai-answers.ts';
import { imageRefusalOf, openaiError } from './openai-errors.ts';
import { OPENAI_REFUSALS, type Setting } from './openai-settings.ts';
import { boundedFetch } from './requests/bounded-fetch.ts';
import { inWords } from './requests/folded-question.ts';
import { jsonSchemaOf } from './requests/json-schema.ts';
import { type Concessions, refusedSettings } from './requests/refused-settings.ts';
import { openaiTools, openaiTurns } from './turns/openai-turns.ts';

export interface OpenaiVisionOptions extends LlmOptions {
  /** With its path, for example http://127.0.0.1:11434/v1. `null` for OpenAI itself. */
  baseUrl: string | null;
  /** `null` for servers that need none. */
  apiKey: string | null;
  /** For one question; CALL_TIMEOUT_MS by default. */
  timeoutMs?: number;
}

const CALL_TIMEOUT_MS = 300_000; // 4,096 tokens at 15 a second, as on a small machine, take 273 s
const RETRIES_MAX = 0; // throttled-vision.ts slows down and repeats
const NO_KEY = 'none'; // the client needs one; local servers do not read it

type Input = OpenAI.Chat.ChatCompletionCreateParamsNonStreaming;

/** The client is loaded on first use. That throws a UserError if there is neither a base URL nor a key. */
export function openaiVision(options: OpenaiVisionOptions): Vision {
  let complete: Promise<Complete> | undefined;
  const withoutRefused = refusedSettings(OPENAI_REFUSALS);
  const model: Model = async (model, question) => {
    complete ??= load(options);
    const send = await complete;
    try {
      const { answer, notes } = await withoutRefused(model, (asked) => send(inputOf(model, question, asked)));
      const reply = openaiReply(answer, model, question.conversation !== undefined);
      return { ...reply, notes: [...notes, ...(reply.notes ?? [])] };
    } catch (error) {
      const refusal = imageRefusalOf(error);
      if (refusal) return imageRefused(refusal.why, refusal.cause);
      throw openaiError(error, model);
    }
  };
  return llmVision(model, options);
}

type Complete = (input: Input) => Promise<unknown>;

async function load({ baseUrl, apiKey, timeoutMs = CALL_TIMEOUT_MS }: OpenaiVisionOptions): Promise<Complete> {
  if (baseUrl === null && apiKey === null) {
    throw new UserError(NO_OPENAI_SERVER);
  }
  const { OpenAI } = await import('openai');
  const client = new OpenAI({
    baseURL: baseUrl,
    apiKey: apiKey ?? NO_KEY,
    adminAPIKey: null,
    maxRetries: RETRIES_MAX,
    timeout: timeoutMs,
    logLevel: 'off',
    fetch: boundedFetch,
  });
  return async (input) => {
    const sent: unknown = await client.chat.completions.create(input).catch((error: unknown) => {
      const failed = failedGenerationIn(error);
      if (failed === null) throw error;
      return failed;
    });
    const refused = errorIn(sent);
    if (refused) throw OpenAI.APIError.generate(refused.status, refused, undefined, new Headers(refused.headers));
    return sent;
  };
}

function inputOf(model: ModelId, question: Question, { without, answerTokensMax }: Concessions<Setting>): Input {
  const { image, repair, conversation } = question;
  const { system, user } = inWords(question, {
    withoutSystem: without.has('system'),
    formInWords: without.has('json_schema'),
  });
  const url = `data:image/jpeg;base64,${Buffer.from(image.bytes).toString('base64')}`;
  const detail = without.has('detail') ? {} : { detail: 'high' as const }; // "auto" may shrink a tile to 512 px
  const messages: Input['messages'] = [
    {
      role: 'user',
      content: [
        { type: 'image_url', image_url: { url, ...detail } },
        { type: 'text', text: user },
      ],
    },
  ];
  if (system !== null) messages.unshift({ role: 'system', content: system });
  // A model that was offered tools and called none gets the form instead.
  const calls = conversation !== undefined && repair === null && !without.has('tools') ? conversation : null;
  if (conversation) messages.push(...openaiTurns(conversation, { asCalls: calls !== null, detail }));
  if (repair) {
    const answer = repair.answer.trim() === '' ? '(nothing)' : repair.answer; // some servers refuse an empty message
    messages.push({ role: 'assistant', content: answer }, { role: 'user', content: repair.complaint });
  }
  const format = calls ? null : formatOf(question, without);
  return {
    model: idAtProvider(model),
    messages,
    ...(calls && openaiTools(calls, without)),
    ...(format && { response_format: format }),
    ...lengthOf(answerTokensMax, without),
    ...(without.has('temperature') ? {} : { temperature: 0 }),
  };
}

function formatOf({ form }: Question, without: ReadonlySet<Setting>): Input['response_format'] | null {
  if (without.has('json_object')) return null;
  if (without.has('json_schema')) return { type: 'json_object' };
  const { name, description } = form;
  const schema = { ...jsonSchemaOf(form.schema, { closed: !without.has('additionalProperties') }) };
  const strict = without.has('strict') ? {} : { strict: true };
  return { type: 'json_schema', json_schema: { name, description, ...strict, schema } };
}

function lengthOf(answerTokensMax: number, without: ReadonlySet<Setting>): Pick<Input, 'max_tokens' | 'max_completion_tokens'> {
  if (without.has('max_completion_tokens')) return {};
  return without.has('max_tokens') ? { max_completion_tokens: answerTokensMax } : { max_tokens: answerTokensMax };
}
