// Turns the errors of OpenAI-compatible servers into our own kinds: fix it, try again, or slow down. Their messages stay in `cause`.
import { codeOf, TransientError, UserError } from '../../contract/errors.ts';
import type { ModelId } from '../../contract/schemas.ts';
import { cannotBeUsed, idAtProvider, TOO_LONG, UnexplainedRefusal } from './model.ts';
import { ownErrorIn } from './requests/bounded-fetch.ts';
import {
  type ImageRefusal,
  imageRefusalIn,
  NO_VISION,
  NO_VISION_FIX,
  REFUSAL_CHARACTERS_MAX,
} from './requests/image-refusals.ts';
import { retryAfterS } from './requests/retry-after.ts';

const REQUEST_REFUSED = 'the request was refused. Check the model id, and that the model accepts images and a JSON schema';
const NO_CREDIT = 'the account has no credit left. Check the account behind OPENAI_API_KEY';
const UNKNOWN_STATUS = 'the request was refused. Check OPENAI_BASE_URL';
const UNKNOWN_MODEL = 'it does not exist. Check the model id and OPENAI_BASE_URL, and load the model on a local server';
const WRONG_PATH =
  'the server has no chat completions at the address of OPENAI_BASE_URL. Check the address: it usually ends with /v1';
const NO_PATH = /unexpected endpoint|unknown (?:path|url|route)|invalid url|cannot post|no route/i;
/** What is wrong, and what the caller can do about it, by status. None of them passes by itself. */
const FIXES: Readonly<Record<number, string>> = {
  400: REQUEST_REFUSED,
  401: 'the key was refused. Set OPENAI_API_KEY to one that is valid for this server',
  402: NO_CREDIT,
  403: 'access is denied. Let the account behind OPENAI_API_KEY use it',
  404: UNKNOWN_MODEL,
  405: WRONG_PATH,
  422: REQUEST_REFUSED,
};
const CONTEXT = /context[ _](length|window|size)|prompt is too long/i;
const DAILY_QUOTA = 'the quota of the day is used up. Try again tomorrow, or ask for a higher quota';
const USED_UP = new Set([NO_CREDIT, DAILY_QUOTA]);
const PER_DAY = /(per|by)[ _-]?day|\b[RT]PD\b/i;
const OUT_OF_CREDIT = ['insufficient_quota', 'billing_hard_limit_reached', 'billing_not_active'];

/** Causes that only the words of a server name, whatever the status. The first that fits counts. */
const CAUSES: readonly { words: RegExp; fix(model: ModelId): string }[] = [
  {
    words: /mmproj/i,
    fix: () =>
      'the server has loaded it without its vision part. Load the mmproj file of the model, or choose a model with vision',
  },
  { words: NO_VISION, fix: () => NO_VISION_FIX },
  {
    words: /try pulling it/i,
    fix: (model) => `it is not installed. Install it with "ollama pull ${idAtProvider(model)}"`,
  },
  {
    words: /no models? (?:is |are )?(?:currently )?loaded|lms load/i,
    fix: (model) => `the server has loaded no model. Load it, for example with "lms load ${idAtProvider(model)}"`,
  },
  {
    words: /requires more (?:system )?memory/i,
    fix: () => 'the server has too little memory for it. Choose a smaller model, or one that is quantized further',
  },
  { words: NO_PATH, fix: () => WRONG_PATH },
  {
    words: /not a valid model|unknown model|model not exist|model[^\n]{0,120}(?:does not exist|not found)/i,
    fix: () => UNKNOWN_MODEL,
  },
];

/** Codes of refusals that concern the image: OpenAI's, and those of servers that follow it. */
const IMAGE_CODES: Readonly<Record<string, ImageRefusal>> = {
  content_filter: 'blocked',
  content_policy_violation: 'blocked',
  image_content_policy_violation: 'blocked',
  data_inspection_failed: 'blocked',
  moderation_blocked: 'blocked',
  image_too_large: 'too-large',
  image_file_too_large: 'too-large',
  invalid_image: 'unreadable',
  invalid_image_format: 'unreadable',
  invalid_base64_image: 'unreadable',
  image_parse_error: 'unreadable',
  unsupported_image_media_type: 'unreadable',
};
const CONTENT_TOO_LARGE = 413;
const UNREACHABLE = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);
const BUSY = [503, 529]; // fewer calls help

export interface ServerError extends Error {
  headers?: unknown;
  status?: number;
  code?: unknown;
  param?: string | null;
  /** The body, or what it has as `error`. */
  error?: unknown;
}

/** Some servers refuse an image by an error instead of an answer. `null` for an error that does not concern the image. */
export function imageRefusalOf(error: unknown): { why: ImageRefusal; cause: Error } | null {
  if (!isServerError(error)) return null;
  const { status, code } = error;
  if (status === CONTENT_TOO_LARGE) return { why: 'too-large', cause: error };
  if (status === 403) return imageRefusalIn(error.message) === 'blocked' ? { why: 'blocked', cause: error } : null;
  if (status !== 400 && status !== 422) return null;
  const why = (typeof code === 'string' ? IMAGE_CODES[code] : undefined) ?? imageRefusalIn(errorWords(error));
  return why === null ? null : { why, cause: error };
}

/** Our own error for one of the client's. Anything else is a bug and is returned as it is. */
export function openaiError(error: unknown, model: ModelId): unknown {
  const own = ownErrorIn(error);
  if (own) return own;
  if (!isServerError(error)) return isDamagedBody(error) ? noAnswer(error, model) : error;
  const { status, code } = error;
  if (status === undefined) return noAnswer(error, model);
  const words = errorWords(error);
  if (typeof code === 'string' && OUT_OF_CREDIT.includes(code)) return unusable(model, NO_CREDIT, error);
  if (status === 429 && PER_DAY.test(words)) return unusable(model, DAILY_QUOTA, error);
  if (status === 429) {
    return new TransientError(`The model ${model} is throttled. Try again later.`, {
      cause: error,
      throttled: true,
      retryAfterS: retryAfterS(error.headers),
    });
  }
  const known = status === 401 || status === 403 ? undefined : CAUSES.find((cause) => cause.words.test(words));
  if (known) return unusable(model, known.fix(model), error);
  if (status === 408 || status === 409 || status >= 500) {
    const throttled = BUSY.includes(status);
    return new TransientError(`The model ${model} failed to answer: its server has a fault. Try again.`, {
      cause: error,
      throttled,
    });
  }
  if (status === 400 && (code === 'context_length_exceeded' || CONTEXT.test(error.message))) {
    return unusable(model, TOO_LONG, error);
  }
  if (status === 404 && !/model|deployment|endpoint/i.test(words)) return unusable(model, WRONG_PATH, error);
  const fix = FIXES[status] ?? UNKNOWN_STATUS;
  return fix === REQUEST_REFUSED
    ? new UnexplainedRefusal(cannotBeUsed(model, fix), { cause: error })
    : unusable(model, fix, error);
}

/** Everything that the server wrote about the error. */
export function errorWords({ message, code, error }: ServerError): string {
  return JSON.stringify([code, message, error]).slice(0, REFUSAL_CHARACTERS_MAX);
}

/** An APIError. A failed connection is an APIError without a status. */
export function isServerError(error: unknown): error is ServerError {
  return error instanceof Error && 'status' in error && 'requestID' in error;
}

/** The client does not wrap errors of reading the body: broken JSON, JSON that is nested too deeply, and a broken connection. */
function isDamagedBody(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  return error instanceof SyntaxError || error instanceof RangeError || (error.cause instanceof Error && 'code' in error.cause);
}

/** No connection came about: nothing listens there, or the name of the host is unknown. */
function isUnreachable(error: unknown): boolean {
  return error instanceof Error && (UNREACHABLE.has(codeOf(error)) || isUnreachable(error.cause));
}

function noAnswer(cause: Error, model: ModelId): TransientError {
  const check = 'Check that the server of OPENAI_BASE_URL runs';
  return new TransientError(
    isUnreachable(cause)
      ? `The model ${model} cannot be reached. ${check}, and that its address is right.`
      : `The model ${model} did not answer in time, or the answer was damaged. ${check}.`,
    { cause },
  );
}

function unusable(model: ModelId, fix: string, cause: Error): UserError {
  return new UserError(cannotBeUsed(model, fix), { cause, usedUp: USED_UP.has(fix) });
}
