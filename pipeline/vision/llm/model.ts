// One exchange with a language model, whoever serves it: a question with an image and a form, and what came back.
import type { z } from 'zod';
import type { ModelId } from '../../contract/schemas.ts';
import type { Jpeg } from '../../ports.ts';

/** Tokens of one answer. 50 detections take about 3,500; the smallest limit of a model in use is 4,096. */
export const ANSWER_TOKENS_MAX = 4_096;

export interface Form {
  /** Letters and underscores: the name of a tool or of a JSON schema. */
  name: string;
  description: string;
  schema: z.ZodType;
}

export interface Question {
  system: string;
  user: string;
  /** Shown before `user`. */
  image: Jpeg;
  form: Form;
  /** An answer to this question that could not be used, and what the model is told about it. Null the first time. */
  repair: { said: string; complaint: string } | null;
}

export interface Tokens {
  input_tokens: number;
  output_tokens: number;
}

/** `said` is the model's own text, JSON or not: it goes back to the model at most, never to a caller. */
export type Reply = { tokens: Tokens } & (
  | { kind: 'filled'; said: string }
  | { kind: 'malformed'; said: string; complaint: string }
  | { kind: 'refused' }
  | { kind: 'cut-off' }
);

/** Throws a UserError or a TransientError when there is no answer; an answer of any kind is a reply. */
export type Model = (model: ModelId, question: Question) => Promise<Reply>;

/** `qwen3-vl:8b` of `openai:qwen3-vl:8b`. */
export function idAtProvider(model: ModelId): string {
  return model.slice(model.indexOf(':') + 1);
}
