// Makes a language model fill in a form, and reads what it wrote. An answer without anything usable is repaired once. Knows no provider
// and no purpose.
import { AnswerError } from '../../contract/errors.ts';
import type { ModelId } from '../../contract/schemas.ts';
import { plainJpeg } from '../jpeg-tools.ts';
import { isOnlyThoughts, jsonIn, mendedJsonIn, unwrapped, wholeJsonIn } from '../reading/json-in-text.ts';
import type { Reader, Reading } from '../reading/read-answers.ts';
import { type Form, type Model, type Question, type Reply, UnexplainedRefusal } from './model.ts';

/** What is read of an answer, and what a request for a correction repeats of it. 12,288 tokens are about 50,000 characters. */
const ANSWER_CHARACTERS_MAX = 500_000;
const REPEATED_CHARACTERS_MAX = 20_000;

export interface Purpose<T> {
  /** What the answer should contain, for a sentence: `detections`. */
  wanted: string;
  /** What the caller can do if the answer is too long. */
  whenTooLong: string;
  form: Form;
  read: Reader<T>;
  /** Words around the form make the answer unusable, as does a form outside of the tool: a verdict may be quoted from the image. */
  wholeTextOnly?: boolean;
  /** One answer of those that several calls of the tool hold. */
  join?: (answers: readonly T[]) => T;
  /** What can be used of an answer that was cut off; `null` if nothing can. */
  readPart?: (text: string) => T | null;
}

export interface Answered<T> {
  answer: T;
  /** Only a part of the answer arrived. */
  isCutOff: boolean;
  /** How the model had to be asked, a sentence each. */
  notes: string[];
}

type Attempt<T> = { answer: T; isCutOff: boolean } | { text: string; complaint: string; problem: string; cause: Error };

/**
 * Asks once more if nothing in the answer is usable; a refusal and a cut-off answer would come out the same again. Throws an AnswerError
 * that says which it was.
 */
export async function askModel<T>(
  send: Model,
  model: ModelId,
  purpose: Purpose<T>,
  question: Omit<Question, 'form' | 'repair'>,
): Promise<Answered<T>> {
  const { form } = purpose;
  const first = await sendOrExplain(send, model, purpose, { ...question, form, repair: null });
  const reading = await read(first, purpose, model);
  const notes = first.notes ?? [];
  if ('answer' in reading) return { ...reading, notes };
  const repair = {
    answer: reading.text.slice(0, REPEATED_CHARACTERS_MAX).toWellFormed(),
    complaint: repairPrompt(reading.complaint),
  };
  const second = await send(model, { ...question, form, repair }).catch((error: unknown) => {
    if (!(error instanceof UnexplainedRefusal)) throw error;
    const why = `the answer was ${reading.problem}, and its service refused the request for a correction`;
    throw failure(model, purpose, why, 'Choose another model.', error);
  });
  const repaired = await read(second, purpose, model);
  if ('answer' in repaired) {
    return {
      ...repaired,
      notes: [...new Set([...notes, ...(second.notes ?? [])])],
    };
  }
  throw failure(
    model,
    purpose,
    `the answer was ${repaired.problem} twice`,
    'Choose another model, or check that this one accepts images.',
    repaired.cause,
  );
}

/** A refusal without a reason concerns this image if the service accepts a plain one. Then it costs this image only. */
async function sendOrExplain<T>(send: Model, model: ModelId, purpose: Purpose<T>, question: Question): Promise<Reply> {
  try {
    return await send(model, question);
  } catch (refusal) {
    if (!(refusal instanceof UnexplainedRefusal)) throw refusal;
    const { image } = question;
    const plain = await send(model, { ...question, image: await plainJpeg() }).catch((error: unknown) => {
      throw error instanceof UnexplainedRefusal ? refusal : error;
    });
    if (plain.kind === 'image-refused') throw refusal;
    const size = `${image.width} x ${image.height} pixels`;
    const why = `its service refused this image of ${size}, but accepted a plain image`;
    throw failure(model, purpose, why, 'Choose another model for this image.', refusal);
  }
}

async function read<T>(reply: Reply, purpose: Purpose<T>, model: ModelId): Promise<Attempt<T>> {
  if (reply.kind === 'refused')
    throw failure(model, purpose, 'the model refused', 'Choose another model for this image.', reply.cause);
  if (reply.kind === 'image-refused') {
    const why = reply.why === 'too-large' ? 'the image is too large for it' : 'its service could not read the image';
    throw failure(model, purpose, why, reply.why === 'too-large' ? purpose.whenTooLong : 'Choose another model.', reply.cause);
  }
  const text = reply.text.slice(0, ANSWER_CHARACTERS_MAX);
  if (reply.kind === 'cut-off') return partOf({ ...reply, text }, purpose, model);
  const problem = text.trim() === '' ? 'empty' : 'invalid';
  const unusable = (complaint: string, cause = new Error(`${complaint} The answer: ${text}`)) => ({
    text,
    problem,
    complaint,
    cause,
  });
  if (reply.kind === 'malformed' && purpose.wholeTextOnly) return unusable(reply.complaint, reply.cause);
  const reading = readingIn(text, purpose, reply.kind === 'filled' && reply.severalCalls === true);
  if (reading && 'value' in reading) return { answer: reading.value, isCutOff: false };
  const mended = purpose.wholeTextOnly ? null : firstReading(await mendedJsonIn(text), purpose.read);
  if (mended && 'value' in mended) return { answer: mended.value, isCutOff: false };
  const part = purpose.readPart?.(text) ?? null;
  if (part !== null) return { answer: part, isCutOff: true };
  if (reply.kind === 'malformed') return unusable(reply.complaint, reply.cause);
  return unusable(reading?.problem ?? 'It does not contain the form as JSON.');
}

/** The reading of the last value in the text that is an answer; of one that is not, if there is no other. `null` if nothing is the form. */
function readingIn<T>(text: string, { read, wholeTextOnly, join }: Purpose<T>, severalCalls: boolean): Reading<T> | null {
  const values = wholeTextOnly ? wholeJsonIn(text) : jsonIn(text);
  if (!severalCalls || !join) return firstReading(values, read);
  const usable = values.flatMap((json) => usableIn(json, read) ?? []);
  return usable.length > 0 ? { value: join(usable.map(({ value }) => value).reverse()) } : firstReading(values, read);
}

function firstReading<T>(values: readonly unknown[], read: Reader<T>): Reading<T> | null {
  for (const json of values) {
    const usable = usableIn(json, read);
    if (usable) return usable;
  }
  return values.map((json) => unwrapped(json, read)).find((reading) => reading !== null) ?? null;
}

function usableIn<T>(json: unknown, read: Reader<T>): { value: T } | null {
  return unwrapped(json, (inner, depth) => {
    const reading = read(inner, depth);
    return reading && 'value' in reading ? reading : null;
  });
}

function partOf<T>(
  { text, cause }: Extract<Reply, { kind: 'cut-off' }>,
  purpose: Purpose<T>,
  model: ModelId,
): { answer: T; isCutOff: true } {
  const part = purpose.readPart?.(text) ?? null;
  if (part !== null) return { answer: part, isCutOff: true };
  const reasoned = isOnlyThoughts(text);
  const why = reasoned ? 'the model spent all tokens of its answer on reasoning' : 'the answer was cut off at the token limit';
  const advice = reasoned ? 'Turn its reasoning down or off, or choose another model.' : purpose.whenTooLong;
  throw failure(model, purpose, why, advice, cause);
}

/** `complaint` is ours, never the model's words. */
function repairPrompt(complaint: string): string {
  return `This answer cannot be used. ${complaint}\nFill in the form again, completely, by the same rules.`;
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
