// Turns the errors of S3, and of the way to it, into our own kinds and sentences. The provider's words and the bucket's name stay in
// `cause`.
import { factsOf, isExpired } from '../../contract/aws-errors.ts';
import { TransientError, UserError } from '../../contract/errors.ts';

/** Errors that may pass although their status is below 500. */
const PASSING = new Set([
  'TimeoutError',
  'RequestTimeout',
  'RequestTimeTooSkewed',
  'OperationAborted',
  'ConditionalRequestConflict',
]);
const REFUSALS = new Set(['InvalidToken']); // its status is 400

export const BROKEN_OFF = 'The store broke off before the whole object arrived. Try again.';
const NO_STORE = 'The bucket of this deployment does not exist. Correct its bucket setting.';
const NO_CREDENTIALS = 'No AWS credentials were found for the store. Set them up, for example with AWS_PROFILE.';
const TOO_MANY_CALLS = 'The store throttles calls. Try again later.';
const EXPIRED = 'The AWS credentials for the store have expired. Try again, or renew them.';
const FAULT = 'The store failed or did not answer in time. Try again.';
const NO_CONNECTION = 'The connection to the store failed. Try again.';
/** Without s3:ListBucket S3 answers 403 instead of 404 for a missing object. */
const REFUSED =
  'The store of this deployment refused access. ' +
  'Allow its role s3:GetObject and s3:PutObject on the objects, and s3:ListBucket on the bucket.';
const PAST_THE_END = 'The range lies past the end of the object.';

/** The answer of a call. What is not S3's fault, for example a full disk, is thrown as it is. */
export async function answerOf<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw ourError(error);
  }
}

/** Like `answerOf`; `null` if the object does not exist. */
export async function answerOrNull<T>(call: Promise<T>): Promise<T | null> {
  return await nullFor(['NoSuchKey', 'NotFound'], call);
}

/** Like `answerOf`; `null` if the key had to be free and is taken. */
export async function answerOrTaken<T>(call: Promise<T>): Promise<T | null> {
  return await nullFor(['PreconditionFailed'], call);
}

/** Like `answerOf`, for a bucket that is not ours: a missing object and a refusal are both a UserError with this sentence. */
export async function answerOrRefuse<T>(call: Promise<T>, sentence: string): Promise<T> {
  try {
    return await call;
  } catch (error) {
    const ours = ourError(error);
    throw ours instanceof TransientError || factsOf(error).status < 300 ? ours : new UserError(sentence, { cause: error });
  }
}

async function nullFor<T>(names: readonly string[], call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof Error && names.includes(error.name)) return null;
    throw ourError(error);
  }
}

function ourError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name } = error;
  const { status, lostOnTheWay } = factsOf(error);
  const because = { cause: error };
  if (name === 'NoSuchBucket') return new UserError(NO_STORE, because);
  if (name === 'CredentialsProviderError') return new UserError(NO_CREDENTIALS, because);
  if (isExpired(error)) return new TransientError(EXPIRED, because);
  if (status === 429 || status === 503) return new TransientError(TOO_MANY_CALLS, { ...because, throttled: true });
  if (status >= 500 || PASSING.has(name)) return new TransientError(FAULT, because);
  if (lostOnTheWay) return new TransientError(NO_CONNECTION, because);
  if (status === 401 || status === 403 || REFUSALS.has(name)) return new UserError(REFUSED, because);
  return status === 416 ? new RangeError(PAST_THE_END, because) : error;
}
