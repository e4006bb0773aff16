// What the errors of OpenAI-compatible servers mean here: fix it, try again, or slow down. Their own messages stay causes.

import { TransientError, UserError } from '../../contract/errors.ts';
import type { ModelId } from '../../contract/schemas.ts';

/** What the caller of a model can do, by status. None of them passes by itself. */
const FIXES: Readonly<Record<number, string>> = {
  400: 'got the request refused. Check the model id, and that the model takes images and a JSON schema',
  401: 'got the key refused. Set OPENAI_API_KEY to one that is valid for this server',
  402: 'got that nothing is left to pay with. Check the account behind OPENAI_API_KEY',
  403: 'got no access. Let the account behind OPENAI_API_KEY use it',
  404: 'got that there is none of that id. Check the model id and OPENAI_BASE_URL, and load the model on a local server',
  422: 'got the request refused. Check the model id, and that the model takes images and a JSON schema',
};
const REFUSED_CODES = ['content_filter', 'content_policy_violation', 'moderation_blocked'];

interface ServerError extends Error {
  status?: number;
  code?: string | null;
}

/** Some servers refuse an image by an error instead of an answer. It is about this image, not about the others. */
export function isRefusedContent(error: unknown): boolean {
  return isServerError(error) && error.status === 400 && REFUSED_CODES.includes(error.code ?? '');
}

/** Our own error for one of the client's; anything that is none of these is a bug and comes back as it is. */
export function openaiError(error: unknown, model: ModelId): unknown {
  if (!isServerError(error)) return isBrokenBody(error) ? noAnswer(error, model) : error;
  const { status, code } = error;
  if (status === undefined) return noAnswer(error, model);
  if (status === 429 && code === 'insufficient_quota') return cannotReach(FIXES[402], error, model);
  if (status === 429) {
    return new TransientError(`Expected an answer from ${model}, got that there are too many calls. Try again later.`, {
      cause: error,
      throttled: true,
    });
  }
  if (status === 408 || status === 409 || status >= 500) {
    return new TransientError(`Expected an answer from ${model}, got a fault of the server. Try again.`, { cause: error });
  }
  return cannotReach(FIXES[status] ?? 'got the request refused. Check OPENAI_BASE_URL', error, model);
}

/** An APIError, of which a failed connection is the one without a status. */
function isServerError(error: unknown): error is ServerError {
  return error instanceof Error && 'status' in error && 'requestID' in error;
}

/** The client reads the body after its own guards: broken JSON and a cut connection come through as they are. */
function isBrokenBody(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  return error instanceof SyntaxError || (error.cause instanceof Error && 'code' in error.cause);
}

function noAnswer(error: Error, model: ModelId): TransientError {
  const sentence = `Expected an answer from ${model}, got none in time or a broken one. Check that the server of OPENAI_BASE_URL runs.`;
  return new TransientError(sentence, { cause: error });
}

function cannotReach(fix: string | undefined, error: Error, model: ModelId): UserError {
  return new UserError(`Expected to reach ${model}, ${fix}.`, { cause: error });
}
