// Why something failed, as facts for a log line: an error and its causes, without stacks. The words of a provider are in the causes,
// and only the log may have them.
import { z } from 'zod';
import { sentenceOf } from './errors.ts';

const CAUSES_MAX = 5;
const MESSAGE_CHARACTERS_MAX = 1_000; // with CAUSES_MAX: a line of at most 6 KB

/** The fields that the SDKs of AWS (`$metadata`), the client of OpenAI (`status`, `requestID`) and Node (`code`) add. */
const ProviderFacts = z.object({
  code: z.string().nullish().catch(null),
  status: z.number().nullish().catch(null),
  requestID: z.string().nullish().catch(null),
  $metadata: z
    .object({ httpStatusCode: z.number().nullish().catch(null), requestId: z.string().nullish().catch(null) })
    .nullish()
    .catch(null),
});

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
  const { code, status, requestID, $metadata } = ProviderFacts.parse(error);
  const httpStatus = status ?? $metadata?.httpStatusCode;
  const requestId = requestID ?? $metadata?.requestId;
  if (code) cause.code = code;
  if (httpStatus) cause.status = httpStatus;
  if (requestId) cause.request_id = requestId;
  return cause;
}

function shortened(message: string): string {
  return message.length > MESSAGE_CHARACTERS_MAX ? `${message.slice(0, MESSAGE_CHARACTERS_MAX)}…` : message;
}
