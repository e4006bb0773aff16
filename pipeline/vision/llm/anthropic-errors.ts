// Turns the errors of Anthropic's client into our own kinds: leave a setting out, fix it, try again, or slow down. Anthropic's messages
// stay in `cause`.
import { TransientError, UserError } from '../../contract/errors.ts';
import type { ModelId } from '../../contract/schemas.ts';
import { cannotBeUsed, TOO_LONG, UnexplainedRefusal } from './model.ts';
import { ownErrorIn } from './requests/bounded-fetch.ts';
import { THINKING_NOTES, THINKING_SIGNS, type ThinkingSetting } from './requests/claude-thinking.ts';
import {
  type ImageRefusal,
  imageRefusalIn,
  NO_VISION,
  NO_VISION_FIX,
  REFUSAL_CHARACTERS_MAX,
} from './requests/image-refusals.ts';
import { answerTokensIn, type RefusalReader } from './requests/refused-settings.ts';
import { retryAfterS } from './requests/retry-after.ts';

const REQUEST_REFUSED = 'the request was refused. Check the model id, and that the model accepts images and tools';
const NO_CREDIT = 'the account has no credit left. Check the account behind ANTHROPIC_API_KEY';
const SPEND_LIMIT =
  'the spend limit of the account is reached. Raise it in the Claude Console, or wait until its next month begins';
const USED_UP = new Set([NO_CREDIT, SPEND_LIMIT]);
const UNKNOWN_STATUS = 'the request was refused. Check ANTHROPIC_BASE_URL';
/** What is wrong, and what the caller can do about it, by status. None of them passes by itself. */
const FIXES: Readonly<Record<number, string>> = {
  400: REQUEST_REFUSED,
  401: 'the key was refused. Set ANTHROPIC_API_KEY to one that is valid',
  402: NO_CREDIT,
  403: 'access is denied. Let the workspace behind ANTHROPIC_API_KEY use it',
  404: 'it does not exist. Check the model id and ANTHROPIC_BASE_URL',
  422: REQUEST_REFUSED,
};
/** 400 and 429 have several causes. The words or the code tell them apart; the first that fits counts. */
const CAUSES: readonly { words: RegExp; fix: string }[] = [
  { words: /credit balance|insufficient credit/i, fix: NO_CREDIT },
  { words: /spend limit|api usage limits|spend_limit_reached/i, fix: SPEND_LIMIT },
  { words: NO_VISION, fix: NO_VISION_FIX },
  { words: /prompt is too long|exceed context limit|context (length|window)/i, fix: TOO_LONG },
];
/** The client puts it before the words of the service. */
const STATUS_BEFORE = /^\d{3} /;
const CONTENT_TOO_LARGE = 413;
const THROTTLED = 429;
const OVERLOADED = [503, 529]; // fewer calls help
/** Names of errors of a call that took too long. */
const ENDED = new Set(['AbortError', 'TimeoutError']);

interface ServiceError extends Error {
  headers?: unknown;
  status?: number;
  errorCode?: string | null;
}

export type Setting = 'cache' | 'temperature' | 'toolChoice' | ThinkingSetting;

/** The first that fits counts: sentences about one setting may name those after it. */
const SIGNS: readonly { setting: Setting; about: RegExp }[] = [
  { setting: 'cache', about: /\bcache_control\b|prompt caching/i },
  { setting: 'toolChoice', about: /tool_choice|forc(?:ed|es) tool use/i },
  { setting: 'temperature', about: /\btemperature\b/i },
  ...THINKING_SIGNS,
];

export const ANTHROPIC_REFUSALS: RefusalReader<Setting> = {
  refusedBy(error, { without, answerTokensMax: askedMax }) {
    if (!isInvalidRequest(error)) return null;
    const sign = SIGNS.find(({ setting, about }) => !without.has(setting) && about.test(error.message));
    if (sign) return { setting: sign.setting };
    const answerTokensMax = answerTokensIn(error.message.replace(STATUS_BEFORE, ''), askedMax);
    return answerTokensMax === null ? null : { answerTokensMax };
  },
  isUnexplained: () => false, // it names the setting that it refuses
  notes: {
    cache: 'prompt caching; every call pays for its instructions in full',
    temperature: 'a temperature of 0; its answers may differ from run to run',
    toolChoice: 'to be forced to call a tool; an answer may need a repair',
    ...THINKING_NOTES,
  },
};

/** The service refused the request as it is: 400, or 422 of servers with the same API. */
function isInvalidRequest(error: unknown): error is ServiceError {
  return isServiceError(error) && (error.status === 400 || error.status === 422);
}

/** `null` for an error that does not concern the image of the request. */
export function imageRefusalOf(error: unknown): { why: ImageRefusal; cause: Error } | null {
  if (isServiceError(error) && error.status === CONTENT_TOO_LARGE) return { why: 'too-large', cause: error };
  if (!isInvalidRequest(error)) return null;
  const why = imageRefusalIn(error.message);
  return why === null ? null : { why, cause: error };
}

/** Our own error for one of the client's. Anything else is a bug and is returned as it is. */
export function anthropicError(error: unknown, model: ModelId): unknown {
  const own = ownErrorIn(error);
  if (own) return own;
  if (!isServiceError(error)) return isDamagedBody(error) ? noAnswer(error, model) : error;
  const { status } = error;
  if (status === undefined) return noAnswer(error, model);
  if (status === 400 || status === THROTTLED) {
    const described = [error.errorCode, error.message].join(' ').slice(0, REFUSAL_CHARACTERS_MAX);
    const fix = CAUSES.find(({ words }) => words.test(described))?.fix;
    if (fix) return unusable(model, fix, error);
  }
  if (status === THROTTLED) {
    return new TransientError(`The model ${model} is throttled. Try again later.`, {
      cause: error,
      throttled: true,
      retryAfterS: retryAfterS(error.headers),
    });
  }
  if (OVERLOADED.includes(status)) {
    const sentence = `The model ${model} failed to answer: its service is overloaded. Try again later.`;
    return new TransientError(sentence, { cause: error, throttled: true });
  }
  if (status === 408 || status === 409 || status >= 500) {
    return new TransientError(`The model ${model} failed to answer: its service has a fault. Try again.`, { cause: error });
  }
  const fix = FIXES[status] ?? UNKNOWN_STATUS;
  return fix === REQUEST_REFUSED
    ? new UnexplainedRefusal(cannotBeUsed(model, fix), { cause: error })
    : unusable(model, fix, error);
}

/** An APIError. A failed connection is an APIError without a status. */
function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'status' in error && 'requestID' in error;
}

/** The client does not wrap errors of reading the body: broken JSON, JSON that is nested too deeply, a broken connection and a silence. */
function isDamagedBody(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  if (error instanceof SyntaxError || error instanceof RangeError || ENDED.has(error.name)) return true;
  return error.cause instanceof Error && 'code' in error.cause;
}

function noAnswer(cause: Error, model: ModelId): TransientError {
  return new TransientError(`The model ${model} did not answer in time, or the answer was damaged. Try again.`, { cause });
}

function unusable(model: ModelId, fix: string, cause: Error): UserError {
  return new UserError(cannotBeUsed(model, fix), { cause, usedUp: USED_UP.has(fix) });
}
