// Vision by Claude through Anthropic's own API, `anthropic:<model>`: the Messages API, with the form as a tool. Knows only this wire
// format; llm-vision.ts knows the questions.
import type Anthropic from '@anthropic-ai/sdk';
import { UserError } from '../../contract/errors.ts';
import type { ModelId } from '../../contract/schemas.ts';
import type { Vision } from '../../ports.ts';
import { NO_ANTHROPIC_KEY } from '../../providers/provider-registry.ts';
import { anthropicReply } from './anthropic-answers.ts';
import { ANTHROPIC_REFUSALS, anthropicError, imageRefusalOf, type Setting } from './anthropic-errors.ts';
import { type LlmOptions, llmVision } from './llm-vision.ts';
import { idAtProvider, imageRefused, type Model, type Question } from './model.ts';
import { boundedFetch } from './requests/bounded-fetch.ts';
import { thinkingFields, withThoughts } from './requests/claude-thinking.ts';
import { jsonSchemaOf } from './requests/json-schema.ts';
import { type Concessions, refusedSettings } from './requests/refused-settings.ts';
import { anthropicTurns } from './turns/anthropic-turns.ts';

export interface AnthropicVisionOptions extends LlmOptions {
  /** `null` for Anthropic itself. */
  baseUrl: string | null;
  apiKey: string | null;
  /** For one question; CALL_TIMEOUT_MS by default. */
  timeoutMs?: number;
}

const ANTHROPIC_URL = 'https://api.anthropic.com';
const CALL_TIMEOUT_MS = 300_000; // 12,288 tokens at 50 a second take 246 s
const RETRIES_MAX = 0; // throttled-vision.ts slows down and repeats

/**
 * The part up to here is the same for all tiles: the tool, which goes first, and the rules. A model that asks for more tokens than that
 * (512 to 4,096) does not keep it, at no cost: platform.claude.com/docs/en/build-with-claude/prompt-caching.
 */
const CACHED = { type: 'ephemeral' } as const;

/** The client's types name no temperature: models from 4.7 on refuse it, and answers of older ones depend on it. */
type Input = Anthropic.MessageCreateParamsNonStreaming & { temperature?: number };

/** The client is loaded on first use. That throws a UserError if there is no key. */
export function anthropicVision(options: AnthropicVisionOptions): Vision {
  let create: Promise<Create> | undefined;
  const withoutRefused = refusedSettings(ANTHROPIC_REFUSALS);
  const model: Model = async (model, question) => {
    create ??= load(options);
    const send = await create;
    const tool = question.conversation ? null : question.form.name;
    const complaint = callTheTool(tool);
    try {
      const { answer, notes } = await withoutRefused(model, (asked) => send(inputOf(model, question, asked)));
      return { ...anthropicReply(answer, { tool, complaint }, model), notes };
    } catch (error) {
      const refusal = imageRefusalOf(error);
      if (refusal) return imageRefused(refusal.why, refusal.cause);
      throw anthropicError(error, model);
    }
  };
  return llmVision(model, options);
}

type Create = (input: Input) => Promise<unknown>;

async function load({ baseUrl, apiKey, timeoutMs = CALL_TIMEOUT_MS }: AnthropicVisionOptions): Promise<Create> {
  if (apiKey === null) throw new UserError(NO_ANTHROPIC_KEY);
  const { Anthropic } = await import('@anthropic-ai/sdk');
  const client = new Anthropic({
    baseURL: baseUrl ?? ANTHROPIC_URL,
    apiKey,
    webhookKey: null,
    maxRetries: RETRIES_MAX,
    timeout: timeoutMs,
    logLevel: 'off',
    fetch: boundedFetch,
  });
  // The timeout of the client ends with the head of the answer; the signal also ends a silence within its body.
  return (input) => client.messages.create(input, { signal: AbortSignal.timeout(timeoutMs) });
}

function inputOf(model: ModelId, question: Question, { without, answerTokensMax }: Concessions<Setting>): Input {
  const { system, form, repair, conversation } = question;
  const messages: Input['messages'] = [{ role: 'user', content: contentOf(question) }];
  const caches = form.isSentOften && !without.has('cache');
  if (conversation) messages.push(...anthropicTurns(conversation, caches ? CACHED : null));
  if (repair) {
    const answer = repair.answer.trim() === '' ? '(nothing)' : repair.answer; // the API refuses an empty text
    messages.push({ role: 'assistant', content: answer }, { role: 'user', content: repair.complaint });
  }
  const tools = (conversation?.tools ?? [form]).map(({ name, description, schema }) => ({
    name,
    description,
    input_schema: { ...jsonSchemaOf(schema, { closed: true }), type: 'object' as const },
  }));
  const input: Input = {
    model: idAtProvider(model),
    max_tokens: withThoughts(answerTokensMax, without),
    tools,
    system: [caches ? { type: 'text', text: system, cache_control: CACHED } : { type: 'text', text: system }],
    messages,
    ...thinkingFields(without),
  };
  if (!without.has('toolChoice')) {
    input.tool_choice = conversation ? { type: 'any', disable_parallel_tool_use: true } : { type: 'tool', name: form.name };
  }
  if (!without.has('temperature')) input.temperature = 0;
  return input;
}

function callTheTool(name: string | null): string {
  return name === null
    ? 'Call exactly one of the tools, and write nothing else.'
    : `Call the tool "${name}" exactly once, and write nothing else.`;
}

/** The image goes before the words: platform.claude.com/docs/en/build-with-claude/vision. */
function contentOf({ user, image }: Question): Anthropic.ContentBlockParam[] {
  const data = Buffer.from(image.bytes).toString('base64');
  return [
    { type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data } },
    { type: 'text', text: user },
  ];
}
