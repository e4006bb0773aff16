// One exchange with a language model of any provider: a question with an image and a form, and the reply.
import type { z } from 'zod';
import { UserError } from '../../contract/errors.ts';
import type { ModelId } from '../../contract/schemas.ts';
import type { Jpeg } from '../../ports.ts';
import type { ImageRefusal } from './requests/image-refusals.ts';

/** Tokens of one answer. 50 detections take about 3,500; the lowest limit of a model in use is 4,096. */
export const ANSWER_TOKENS_MAX = 4_096;

export interface Form {
  /** Letters and underscores: the name of a tool or of a JSON schema. */
  name: string;
  description: string;
  schema: z.ZodType;
  /** An analysis sends it with many images, after the same rules: worth keeping in a prompt cache. */
  isSentOften: boolean;
}

export interface Question {
  system: string;
  user: string;
  /** Goes before `user`. */
  image: Jpeg;
  form: Form;
  /** The unusable answer to this question, and what is wrong with it. `null` for the first attempt. */
  repair: { answer: string; complaint: string } | null;
  /** What followed `user` in a conversation, and the tools that `form` describes as one. Missing for a single question. */
  conversation?: Conversation;
}

/** Calls of tools and their results, the earliest first. */
export interface Conversation {
  exchanges: readonly Exchange[];
  tools: readonly Form[];
}

/** `image` goes before `words`. */
export interface Exchange {
  call: { tool: string; input: Readonly<Record<string, unknown>> };
  words: string;
  image: Jpeg | null;
}

/** The same for every attempt, so that a conversation can be repeated. */
export function callId(index: number): string {
  return `call_${index + 1}`;
}

/** A call of a tool as the form that describes all tools. */
export function callAsForm({ tool, input }: Exchange['call']): string {
  return JSON.stringify({ tool, ...input });
}

export interface Tokens {
  /** All of them, those of a prompt cache included. */
  input_tokens: number;
  output_tokens: number;
  /** Part of the input: read from a prompt cache, and written to it. They have prices of their own. */
  cache_read_tokens: number;
  cache_write_tokens: number;
}

/** What a refused request costs. */
export const NO_TOKENS: Tokens = { input_tokens: 0, output_tokens: 0, cache_read_tokens: 0, cache_write_tokens: 0 };

export function totalTokens(parts: readonly Tokens[]): Tokens {
  return parts.reduce(
    (sum, part) => ({
      input_tokens: sum.input_tokens + part.input_tokens,
      output_tokens: sum.output_tokens + part.output_tokens,
      cache_read_tokens: sum.cache_read_tokens + part.cache_read_tokens,
      cache_write_tokens: sum.cache_write_tokens + part.cache_write_tokens,
    }),
    NO_TOKENS,
  );
}

/** The most of one call. A higher count is an error, and sums of such counts would no longer be whole numbers. */
const TOKENS_MAX = 100_000_000;

/** A count of tokens as services report it: whole, fractional, as text, or not at all. Never costs an answer. */
export function tokenCount(value: unknown): number {
  const count = Math.ceil(Number(value));
  return count > 0 && count <= TOKENS_MAX ? count : 0;
}

/**
 * `text` is the model's own, JSON or not. It may go back to the model, never to a caller. `cause` has the provider's words, for the log.
 * `severalCalls`: the text has one form for each of several calls of the tool. `notes`: how the model had to be asked, one sentence each.
 */
export type Reply = { tokens: Tokens; notes?: string[] } & (
  | { kind: 'filled'; text: string; severalCalls?: boolean }
  | { kind: 'malformed'; text: string; complaint: string; cause?: Error }
  | { kind: 'refused'; cause: Error }
  | { kind: 'image-refused'; why: 'too-large' | 'unreadable'; cause: Error }
  | { kind: 'cut-off'; text: string; cause: Error }
);

/**
 * A service refused the request in words that do not say why. Whether it concerns the image of this request or all requests can be
 * found out only by asking with another image.
 */
export class UnexplainedRefusal extends UserError {}

export const TOO_LONG = 'the request is longer than its context. Choose a smaller tile_size, or a model with a larger context';

/** The message of an error that concerns the model. `fix`: what is wrong, and what the caller can do about it. */
export function cannotBeUsed(model: ModelId, fix: string): string {
  return `The model ${model} cannot be used: ${fix}.`;
}

/** Throws a UserError or a TransientError if there is no answer. An unusable answer is a reply, too. */
export type Model = (model: ModelId, question: Question) => Promise<Reply>;

/** Makes a call once the service may accept it, and repeats it while the service throttles: throttled-vision.ts. */
export type Through = <T>(model: ModelId, call: () => Promise<T>) => Promise<T>;

/** The reply of a service that refused the request because of its image. */
export function imageRefused(why: ImageRefusal, cause: Error): Reply {
  return why === 'blocked'
    ? { kind: 'refused', cause, tokens: NO_TOKENS }
    : { kind: 'image-refused', why, cause, tokens: NO_TOKENS };
}

/** `qwen3-vl:8b` of `openai:qwen3-vl:8b`. */
export function idAtProvider(model: ModelId): string {
  return model.slice(model.indexOf(':') + 1);
}
