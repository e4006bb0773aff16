// Turns the errors of OpenAI-compatible servers into our own kinds: fix it, try again, or slow down. Their messages stay in `cause`.
import { TransientError, UserError } from '../../contract/errors.ts';
import type { ModelId } from '../../contract/schemas.ts';
import { type ImageRefusal, imageRefusalIn } from './image-refusals.ts';

const REQUEST_REFUSED = 'the request was refused. Check the model id, and that the model accepts images and a JSON schema';
const NO_CREDIT = 'the account has no credit left. Check the account behind OPENAI_API_KEY';
const UNKNOWN_STATUS = 'the request was refused. Check OPENAI_BASE_URL';
/** What is wrong, and what the caller can do about it, by status. None of them passes by itself. */
const FIXES: Readonly<Record<number, string>> = {
  400: REQUEST_REFUSED,
  401: 'the key was refused. Set OPENAI_API_KEY to one that is valid for this server',
  402: NO_CREDIT,
  403: 'access is denied. Let the account behind OPENAI_API_KEY use it',
  404: 'it does not exist. Check the model id and OPENAI_BASE_URL, and load the model on a local server',
  422: REQUEST_REFUSED,
};
const TOO_LONG = 'the request is longer than its context. Choose a smaller tile_size, or a model with a larger context';
const CONTEXT = /context[ _](length|window|size)|prompt is too long/i;
const DAILY_QUOTA = 'the quota of the day is used up. Try again tomorrow, or ask for a higher quota';
const PER_DAY = /(per|by)[ _-]?day|\b[RT]PD\b/i;
const OUT_OF_CREDIT = ['insufficient_quota', 'billing_hard_limit_reached', 'billing_not_active'];
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

interface ServerError extends Error {
  status?: number;
  code?: string | null;
}

/** Some servers refuse an image by an error instead of an answer. `null` for an error that does not concern the image. */
export function imageRefusalOf(error: unknown): { why: ImageRefusal; cause: Error } | null {
  if (!isServerError(error)) return null;
  const { status, code, message } = error;
  if (status === CONTENT_TOO_LARGE) return { why: 'too-large', cause: error };
  if (status === 403) return imageRefusalIn(message) === 'blocked' ? { why: 'blocked', cause: error } : null;
  if (status !== 400 && status !== 422) return null;
  const why = (typeof code === 'string' ? IMAGE_CODES[code] : undefined) ?? imageRefusalIn(message);
  return why === null ? null : { why, cause: error };
}

/** Our own error for one of the client's. Anything else is a bug and is returned as it is. */
export function openaiError(error: unknown, model: ModelId): unknown {
  if (!isServerError(error)) return isDamagedBody(error) ? noAnswer(error, model) : error;
  const { status, code } = error;
  if (status === undefined) return noAnswer(error, model);
  if (code && OUT_OF_CREDIT.includes(code)) return unusable(model, NO_CREDIT, error);
  if (status === 429 && PER_DAY.test(error.message)) return unusable(model, DAILY_QUOTA, error);
  if (status === 429) {
    return new TransientError(`The model ${model} is throttled. Try again later.`, { cause: error, throttled: true });
  }
  if (status === 408 || status === 409 || status >= 500) {
    return new TransientError(`The model ${model} failed to answer: its server has a fault. Try again.`, { cause: error });
  }
  if (status === 400 && (code === 'context_length_exceeded' || CONTEXT.test(error.message))) {
    return unusable(model, TOO_LONG, error);
  }
  return unusable(model, FIXES[status] ?? UNKNOWN_STATUS, error);
}

/** An APIError. A failed connection is an APIError without a status. */
function isServerError(error: unknown): error is ServerError {
  return error instanceof Error && 'status' in error && 'requestID' in error;
}

/** The client does not wrap errors of reading the body: broken JSON and a broken connection. */
function isDamagedBody(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  return error instanceof SyntaxError || (error.cause instanceof Error && 'code' in error.cause);
}

function noAnswer(cause: Error, model: ModelId): TransientError {
  return new TransientError(
    `The model ${model} did not answer in time, or the answer was damaged. Check that the server of OPENAI_BASE_URL runs.`,
    { cause },
  );
}

function unusable(model: ModelId, fix: string, cause: Error): UserError {
  return new UserError(`The model ${model} cannot be used: ${fix}.`, { cause });
}
