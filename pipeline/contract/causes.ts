// Describes an error and its causes as facts for a log line, without stacks. The causes hold the words of a provider, and only the log may
// have them.
import { sentenceOf } from './errors.ts';

const CAUSES_MAX = 5;
const MESSAGE_CHARACTERS_MAX = 1_000; // with CAUSES_MAX: a line of at most 6 KB

export interface Cause {
  name: string;
  message: string;
  code?: string;
  status?: number;
  request_id?: string;
}

/** The error first, then its causes, from the outside in. */
export function causesOf(error: unknown): Cause[] {
  const causes: Cause[] = [];
  for (let link = error; link !== undefined && link !== null && causes.length < CAUSES_MAX; link = causeIn(link)) {
    causes.push(factsOf(link));
  }
  return causes;
}

/** What a log line about a failure has: its causes, and for a bug also the error itself, with its stack. */
export function failureFacts(error: unknown): { causes: Cause[]; error?: unknown } {
  const causes = causesOf(error);
  return sentenceOf(error) === null ? { causes, error } : { causes };
}

function causeIn(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

function factsOf(error: unknown): Cause {
  if (!(error instanceof Error)) return { name: typeof error, message: shortened(String(error)) };
  const cause: Cause = { name: error.name, message: shortened(error.message) };
  // The SDKs of AWS add `$metadata`, the client of OpenAI `status` and `requestID`, and Node `code`.
  const metadata = factIn(error, '$metadata');
  const status = numberOf(factIn(error, 'status')) ?? numberOf(factIn(metadata, 'httpStatusCode'));
  const requestId = textOf(factIn(error, 'requestID')) ?? textOf(factIn(metadata, 'requestId'));
  const code = textOf(factIn(error, 'code'));
  if (code) cause.code = code;
  if (status) cause.status = status;
  if (requestId) cause.request_id = requestId;
  return cause;
}

function factIn(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : null;
}

function textOf(fact: unknown): string | null {
  return typeof fact === 'string' ? fact : null;
}

function numberOf(fact: unknown): number | null {
  return typeof fact === 'number' ? fact : null;
}

function shortened(message: string): string {
  return message.length > MESSAGE_CHARACTERS_MAX ? `${message.slice(0, MESSAGE_CHARACTERS_MAX)}…` : message;
}
