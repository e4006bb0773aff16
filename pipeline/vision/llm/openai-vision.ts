// Vision by any OpenAI-compatible server, `openai:<id>`: Ollama, vLLM, LM Studio, OpenAI. Images are data URLs, the form is a strict
// JSON schema. Knows only this wire format; llm-vision.ts knows the questions.
import type OpenAI from 'openai';
import { z } from 'zod';
import { TransientError, UserError } from '../../contract/errors.ts';
import type { ModelId } from '../../contract/schemas.ts';
import type { Vision } from '../../ports.ts';
import { jsonSchemaOf } from './json-schema.ts';
import { llmVision, type Profiles, registeredProfiles } from './llm-vision.ts';
import { ANSWER_TOKENS_MAX, idAtProvider, imageRefused, type Model, type Question, type Reply } from './model.ts';
import { imageRefusalOf, openaiError } from './openai-errors.ts';
import { withoutRefused } from './refused-settings.ts';

export interface OpenaiVisionOptions {
  /** Those of the registry by default. */
  profiles?: Profiles;
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

/** Settings that some models refuse. Instead of `max_tokens` they get its new name `max_completion_tokens`, which older servers ignore. */
type Setting = 'temperature' | 'max_tokens';
type Input = OpenAI.Chat.ChatCompletionCreateParamsNonStreaming;

const Completion = z.object({
  choices: z
    .array(
      z.object({
        finish_reason: z.string().nullish(),
        message: z.object({
          content: z
            .string()
            .nullish()
            .transform((text) => text || ''), // `null` if the model wrote nothing
          refusal: z.string().nullish(),
        }),
      }),
    )
    .min(1),
  usage: z.object({ prompt_tokens: z.number().int().nonnegative(), completion_tokens: z.number().int().nonnegative() }).nullish(),
});

/** The client is loaded on first use. That throws a UserError if there is neither a base URL nor a key. */
export function openaiVision(options: OpenaiVisionOptions): Vision {
  let complete: Promise<Complete> | undefined;
  const refusedByModel = new Map<ModelId, Set<Setting>>();
  const model: Model = async (model, question) => {
    complete ??= load(options);
    const send = await complete;
    const refused = refusedByModel.get(model) ?? new Set();
    refusedByModel.set(model, refused);
    try {
      const sent = await withoutRefused(refused, refusedBy, (without) => send(inputOf(model, question, without)));
      return replyOf(sent, model);
    } catch (error) {
      const refusal = imageRefusalOf(error);
      if (refusal) return imageRefused(refusal.why, refusal.cause);
      throw openaiError(error, model);
    }
  };
  return llmVision(model, options.profiles ?? registeredProfiles);
}

type Complete = (input: Input) => Promise<unknown>;

async function load({ baseUrl, apiKey, timeoutMs = CALL_TIMEOUT_MS }: OpenaiVisionOptions): Promise<Complete> {
  if (baseUrl === null && apiKey === null) {
    throw new UserError('openai: models need OPENAI_API_KEY, or OPENAI_BASE_URL of a local server. Set one of them.');
  }
  const { OpenAI } = await import('openai');
  const client = new OpenAI({
    baseURL: baseUrl,
    apiKey: apiKey ?? NO_KEY,
    adminAPIKey: null,
    maxRetries: RETRIES_MAX,
    timeout: timeoutMs,
    logLevel: 'off',
  });
  return (input) => client.chat.completions.create(input);
}

function inputOf(model: ModelId, { system, user, image, form, repair }: Question, without: ReadonlySet<Setting>): Input {
  const url = `data:image/jpeg;base64,${Buffer.from(image.bytes).toString('base64')}`;
  const messages: Input['messages'] = [
    { role: 'system', content: system },
    {
      role: 'user',
      content: [
        { type: 'image_url', image_url: { url, detail: 'high' } }, // "auto" may shrink a tile to 512 px; local servers ignore it
        { type: 'text', text: user },
      ],
    },
  ];
  if (repair) messages.push({ role: 'assistant', content: repair.answer }, { role: 'user', content: repair.complaint });
  const schema = { ...jsonSchemaOf(form.schema, { closed: true }) };
  return {
    model: idAtProvider(model),
    messages,
    response_format: {
      type: 'json_schema',
      json_schema: { name: form.name, description: form.description, strict: true, schema },
    },
    [without.has('max_tokens') ? 'max_completion_tokens' : 'max_tokens']: ANSWER_TOKENS_MAX,
    ...(without.has('temperature') ? {} : { temperature: 0 }),
  };
}

/** The setting that the server complains about: its parameter, or else its message. */
function refusedBy(error: unknown): Setting | null {
  if (!(error instanceof Error) || !('status' in error) || error.status !== 400) return null;
  const about = 'param' in error && typeof error.param === 'string' ? error.param : error.message;
  if (/\btemperature\b/.test(about)) return 'temperature';
  return /\bmax_tokens\b/.test(about) && /not supported|unsupported/i.test(error.message) ? 'max_tokens' : null;
}

function replyOf(sent: unknown, model: ModelId): Reply {
  const { data, error } = Completion.safeParse(sent);
  const choice = data?.choices[0];
  if (!data || !choice) {
    const sentence = `The model ${model} sent an answer that is not a chat completion. Check OPENAI_BASE_URL, or try again.`;
    throw new TransientError(sentence, { cause: error });
  }
  const tokens = { input_tokens: data.usage?.prompt_tokens ?? 0, output_tokens: data.usage?.completion_tokens ?? 0 };
  const { content, refusal } = choice.message;
  const cause = new Error(`${choice.finish_reason}: ${refusal ?? content}`);
  if (refusal || choice.finish_reason === 'content_filter') return { kind: 'refused', cause, tokens };
  if (choice.finish_reason === 'length') return { kind: 'cut-off', text: content, cause, tokens };
  return { kind: 'filled', text: content, tokens };
}
