// Asks a model to fill in a form: once, and once more with what was wrong. Knows no provider and no purpose.
import { z } from 'zod';
import { AnswerError } from '../../contract/errors.ts';
import type { ModelId } from '../../contract/schemas.ts';
import { repairPrompt } from '../prompts/repair-prompt.ts';
import type { Form, Model, Question, Reply, Tokens } from './model.ts';

/** Problems of an answer that the model is told about; 50 detections could have 500. */
const PROBLEMS_TOLD_MAX = 10;

export interface Purpose<T> {
  /** What is expected, as it stands in a sentence: `detections`. */
  wanted: string;
  /** What the caller can do about an answer that is too long. */
  whenTooLong: string;
  form: Form & { schema: z.ZodType<T> };
}

type Reading<T> = { answer: T } | { said: string; complaint: string; problem: string };

/**
 * The answer and the tokens of all attempts. An invalid or empty answer is asked for once more; a refusal and a cut-off answer
 * would come out the same again. Throws an AnswerError that says which it was.
 */
export async function ask<T>(
  askModel: Model,
  model: ModelId,
  purpose: Purpose<T>,
  question: Omit<Question, 'form' | 'repair'>,
): Promise<{ answer: T; tokens: Tokens }> {
  const attempt = (repair: Question['repair']) => askModel(model, { ...question, form: purpose.form, repair });
  const first = await attempt(null);
  const reading = read(first, purpose, model);
  if ('answer' in reading) return { answer: reading.answer, tokens: first.tokens };
  const second = await attempt({ said: reading.said, complaint: repairPrompt(reading.complaint) });
  const repaired = read(second, purpose, model);
  if ('answer' in repaired) return { answer: repaired.answer, tokens: sumOf(first.tokens, second.tokens) };
  throw failure(model, purpose, `${repaired.problem} also when asked again`, 'Look again later, or choose another model.');
}

function read<T>(reply: Reply, purpose: Purpose<T>, model: ModelId): Reading<T> {
  if (reply.kind === 'refused') throw failure(model, purpose, 'a refusal', 'Choose another model for this image.');
  if (reply.kind === 'cut-off') throw failure(model, purpose, 'an answer cut off at its longest', purpose.whenTooLong);
  const { said } = reply;
  const problem = said.trim() === '' ? 'an empty answer' : 'an invalid answer';
  if (reply.kind === 'malformed') return { said, problem, complaint: reply.complaint };
  const json = jsonIn(said);
  if (json === undefined) return { said, problem, complaint: 'It is not JSON.' };
  const parsed = purpose.form.schema.safeParse(json);
  return parsed.success ? { answer: parsed.data } : { said, problem, complaint: complaintOn(parsed.error) };
}

/** The whole text, or the whole of one fence: JSON somewhere inside an answer may be quoted from the image. */
function jsonIn(said: string): unknown {
  const fenced = /^\s*```(?:json)?\s*\n(.*)\n\s*```\s*$/s.exec(said);
  try {
    return JSON.parse(fenced?.[1] ?? said);
  } catch {
    return undefined;
  }
}

function complaintOn({ issues }: z.ZodError): string {
  return z.prettifyError(new z.ZodError(issues.slice(0, PROBLEMS_TOLD_MAX)));
}

function failure(model: ModelId, { wanted }: Pick<Purpose<unknown>, 'wanted'>, got: string, advice: string): AnswerError {
  return new AnswerError(`Expected ${wanted} from ${model}, got ${got}. ${advice}`);
}

function sumOf(one: Tokens, other: Tokens): Tokens {
  return {
    input_tokens: one.input_tokens + other.input_tokens,
    output_tokens: one.output_tokens + other.output_tokens,
  };
}
