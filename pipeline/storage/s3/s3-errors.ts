// Turns the errors of S3, and of the way to it, into our own kinds and sentences. The provider's words and the bucket's name stay in
// `cause`.
import { DENIALS, factsOf, isExpired } from '../../contract/aws-errors.ts';
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
const DENIED =
  'A policy of the bucket, the account or its organization denies access to the store of this deployment. ' +
  'Ask their administrator to allow it for the roles of this deployment.';
const ARCHIVED = 'The object is archived. Restore a copy of it in S3 first, and try again.';
const NO_KEY =
  'The store of this deployment may not use the KMS key of the object. ' +
  'Allow its roles kms:Decrypt and kms:GenerateDataKey, and check that the key is enabled.';
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

/** What else may keep an object from being read, although it exists. */
export interface Obstacles {
  archived: string;
  noKey: string;
}

/**
 * Like `answerOf`, for a bucket that is not ours: a missing object and a refusal are both a UserError with the sentence `missing`. An
 * object in an archive, or with a key that may not be used, has a sentence of its own.
 */
export async function answerOrRefuse<T>(call: Promise<T>, missing: string, { archived, noKey }: Obstacles): Promise<T> {
  try {
    return await call;
  } catch (error) {
    const ours = ourError(error);
    if (ours instanceof TransientError || error instanceof UserError || factsOf(error).status < 300) throw ours;
    const sentence = isArchived(error) ? archived : isAboutKey(error) ? noKey : missing;
    throw new UserError(sentence, { cause: error });
  }
}

function isArchived(error: unknown): boolean {
  return error instanceof Error && error.name === 'InvalidObjectState';
}

/** S3 answers with a code of its own for a disabled key, and with AccessDenied for one that the role may not use. */
function isAboutKey(error: unknown): boolean {
  return error instanceof Error && (error.name.startsWith('KMS.') || /\bkms:|\bKMS key/.test(error.message));
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
  if (isArchived(error)) return new UserError(ARCHIVED, because);
  if (name === 'NoSuchBucket') return new UserError(NO_STORE, because);
  if (name === 'CredentialsProviderError') return new UserError(NO_CREDENTIALS, because);
  if (isExpired(error)) return new TransientError(EXPIRED, because);
  if (status === 429 || status === 503) return new TransientError(TOO_MANY_CALLS, { ...because, throttled: true });
  if (status >= 500 || PASSING.has(name)) return new TransientError(FAULT, because);
  if (lostOnTheWay) return new TransientError(NO_CONNECTION, because);
  if (status >= 400 && isAboutKey(error)) return new UserError(NO_KEY, because);
  if (status === 403 && DENIALS.test(error.message)) return new UserError(DENIED, because);
  if (status === 401 || status === 403 || REFUSALS.has(name)) return new UserError(REFUSED, because);
  return status === 416 ? new RangeError(PAST_THE_END, because) : error;
}
