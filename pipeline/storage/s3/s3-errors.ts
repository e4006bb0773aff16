// What S3 and the way to it throw, in our own kinds and sentences. The provider's words, and the bucket's name, stay in `cause`.
import { factsOf } from '../../contract/aws-errors.ts';
import { TransientError, UserError } from '../../contract/errors.ts';

/** Those that pass and have a status below 500. */
const PASSING = new Set([
  'TimeoutError',
  'RequestTimeout',
  'RequestTimeTooSkewed',
  'OperationAborted',
  'ConditionalRequestConflict',
]);
const REFUSALS = new Set(['ExpiredToken', 'InvalidToken', 'TokenRefreshRequired']); // their status is 400

export const BROKEN_OFF = 'Expected all bytes of an object from the store, got a part of them. Try again.';
const NO_STORE = 'Expected the store of this deployment, got that there is none. Correct its bucket setting.';
const NO_CREDENTIALS = 'Expected AWS credentials for the store, got none. Set them up, for example with AWS_PROFILE.';
const TOO_MANY_CALLS = 'Expected an answer of the store, got that there are too many calls. Try again later.';
const FAULT = 'Expected an answer of the store, got a fault of its own or none in time. Try again.';
const NO_CONNECTION = 'Expected an answer of the store, got no connection. Try again.';
/** ListBucket, because without it S3 refuses what is missing in place of saying so. */
const REFUSED =
  'Expected access to the store of this deployment, got a refusal. ' +
  'Allow its role s3:GetObject and s3:PutObject on the objects, and s3:ListBucket on the bucket.';
const PAST_THE_END = 'Expected a range within the object, got one past its end.';

/** The answer of an exchange. What is not S3's fault, for example a full disk, is thrown as it is. */
export async function answerOf<T>(exchange: Promise<T>): Promise<T> {
  try {
    return await exchange;
  } catch (error) {
    throw ourError(error);
  }
}

/** Like `answerOf`, and null when there is no such object. */
export async function answerOrNull<T>(exchange: Promise<T>): Promise<T | null> {
  return await nullFor(['NoSuchKey', 'NotFound'], exchange);
}

/** Like `answerOf`, and null when the key was to be free and is taken. */
export async function answerOrTaken<T>(exchange: Promise<T>): Promise<T | null> {
  return await nullFor(['PreconditionFailed'], exchange);
}

/** Like `answerOf`, of a bucket that is somebody else's: whatever it refuses, or has not got, is a UserError with this sentence. */
export async function answerOrSay<T>(exchange: Promise<T>, sentence: string): Promise<T> {
  try {
    return await exchange;
  } catch (error) {
    const ours = ourError(error);
    throw ours instanceof TransientError || factsOf(error).status < 300 ? ours : new UserError(sentence, { cause: error });
  }
}

async function nullFor<T>(names: readonly string[], exchange: Promise<T>): Promise<T | null> {
  try {
    return await exchange;
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
  if (status === 429 || status === 503) return new TransientError(TOO_MANY_CALLS, { ...because, throttled: true });
  if (status >= 500 || PASSING.has(name)) return new TransientError(FAULT, because);
  if (lostOnTheWay) return new TransientError(NO_CONNECTION, because);
  if (status === 401 || status === 403 || REFUSALS.has(name)) return new UserError(REFUSED, because);
  return status === 416 ? new RangeError(PAST_THE_END, because) : error;
}
