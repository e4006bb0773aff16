// Makes a language model fill in a form. An unusable answer is repaired once. Knows no provider and no purpose.
import { z } from 'zod';
import { AnswerError } from '../../contract/errors.ts';
import type { ModelId } from '../../contract/schemas.ts';
import type { Form, Model, Question, Reply, Tokens } from './model.ts';

/** Problems of an answer that the complaint lists; 50 detections could have 500. */
const PROBLEMS_LISTED_MAX = 10;

export interface Purpose<T> {
  /** What the answer should contain, for a sentence: `detections`. */
  wanted: string;
  /** What the caller can do if the answer is too long. */
  whenTooLong: string;
  form: Form & { schema: z.ZodType<T> };
}

type Reading<T> = { answer: T } | { text: string; complaint: string; problem: string; cause: Error };

/**
 * The answer, and the tokens of all attempts. Asks once more if the answer is invalid or empty; a refusal and a cut-off answer would
 * come out the same again. Throws an AnswerError that says which it was.
 */
export async function askModel<T>(
  send: Model,
  model: ModelId,
  purpose: Purpose<T>,
  question: Omit<Question, 'form' | 'repair'>,
): Promise<{ answer: T; tokens: Tokens }> {
  const attempt = (repair: Question['repair']) => send(model, { ...question, form: purpose.form, repair });
  const first = await attempt(null);
  const reading = read(first, purpose, model);
  if ('answer' in reading) return { answer: reading.answer, tokens: first.tokens };
  const second = await attempt({ answer: reading.text, complaint: repairPrompt(reading.complaint) });
  const repaired = read(second, purpose, model);
  if ('answer' in repaired) return { answer: repaired.answer, tokens: sumOf(first.tokens, second.tokens) };
  throw failure(
    model,
    purpose,
    `the answer was ${repaired.problem} twice`,
    'Try again later, or choose another model.',
    repaired.cause,
  );
}

function read<T>(reply: Reply, purpose: Purpose<T>, model: ModelId): Reading<T> {
  if (reply.kind === 'refused')
    throw failure(model, purpose, 'the model refused', 'Choose another model for this image.', reply.cause);
  if (reply.kind === 'image-refused') {
    const why = reply.why === 'too-large' ? 'the image is too large for it' : 'its service could not read the image';
    throw failure(model, purpose, why, reply.why === 'too-large' ? purpose.whenTooLong : 'Choose another model.', reply.cause);
  }
  if (reply.kind === 'cut-off')
    throw failure(model, purpose, 'the answer was cut off at its longest', purpose.whenTooLong, reply.cause);
  const { text } = reply;
  const problem = text.trim() === '' ? 'empty' : 'invalid';
  const unusable = (complaint: string, cause = new Error(`${complaint} The answer: ${text}`)) => ({
    text,
    problem,
    complaint,
    cause,
  });
  if (reply.kind === 'malformed') return unusable(reply.complaint, reply.cause);
  const json = jsonIn(text);
  if (json === undefined) return unusable('It is not JSON.');
  const parsed = purpose.form.schema.safeParse(json);
  return parsed.success ? { answer: parsed.data } : unusable(complaintOn(parsed.error));
}

/** Reads the whole text, or the whole of one fence: JSON somewhere inside an answer may be quoted from the image. */
function jsonIn(text: string): unknown {
  const fenced = /^\s*```(?:json)?\s*\n(.*)\n\s*```\s*$/s.exec(text);
  try {
    return JSON.parse(fenced?.[1] ?? text);
  } catch {
    return undefined;
  }
}

/** `complaint` is ours, never the model's words. */
function repairPrompt(complaint: string): string {
  return `This answer cannot be used. ${complaint}\nFill in the form again, completely, by the same rules.`;
}

function complaintOn({ issues }: z.ZodError): string {
  return z.prettifyError(new z.ZodError(issues.slice(0, PROBLEMS_LISTED_MAX)));
}

function failure(
  model: ModelId,
  { wanted }: Pick<Purpose<unknown>, 'wanted'>,
  why: string,
  advice: string,
  cause: Error,
): AnswerError {
  return new AnswerError(`No ${wanted} from ${model}: ${why}. ${advice}`, { cause });
}

function sumOf(first: Tokens, second: Tokens): Tokens {
  return {
    input_tokens: first.input_tokens + second.input_tokens,
    output_tokens: first.output_tokens + second.output_tokens,
  };
}
