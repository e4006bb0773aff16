// Turns errors of Lambda and of the connection to it into our own kinds and sentences. The provider's text and resource names stay in
// `cause`.
import { factsOf, isExpired } from '../../pipeline/contract/aws-errors.ts';
import { TransientError, UserError } from '../../pipeline/contract/errors.ts';
import { nameTaken } from '../../pipeline/contract/execution-names.ts';
import type { Log } from '../../pipeline/ports.ts';

/** Temporary errors with a status below 500. */
const PASSING = new Set([
  'TimeoutError',
  'ResourceConflictException',
  'EFSIOException',
  'CodeArtifactUserPendingException', // the function was just deployed
  'SnapStartNotReadyException', // the function was just deployed
]);

const THROTTLED = 'The durable execution service is receiving too many calls. Try again in a few seconds.';
const FAULT = 'The durable execution service failed or did not answer in time. Try again.';
/** For the caller of a tool. The log has the details for the operator. */
const REFUSED = 'AWS does not allow this server to start or watch analyses. Ask the operator of the server to look into its log.';
const TOO_LARGE = 'The request is too large for the durable execution service. Use fewer labels and a shorter look_for.';

export interface About {
  /** The execution that the call is about. */
  id: string;
  /** Gets refusals in the provider's words. */
  log: Log;
}

/** The answer of a call to Lambda. */
export async function answerOf<T>(exchange: Promise<T>, about: About): Promise<T> {
  try {
    return await exchange;
  } catch (error) {
    throw ourError(error, about);
  }
}

/** Like `answerOf`; `null` if there is no such execution. */
export async function answerOrNull<T>(exchange: Promise<T>, about: About): Promise<T | null> {
  try {
    return await exchange;
  } catch (error) {
    if (error instanceof Error && error.name === 'ResourceNotFoundException') return null;
    throw ourError(error, about);
  }
}

function ourError(error: unknown, { id, log }: About): unknown {
  if (!(error instanceof Error)) return error;
  const { name } = error;
  const { status, lostOnTheWay } = factsOf(error);
  const because = { cause: error };
  if (name === 'DurableExecutionAlreadyStartedException') return new UserError(nameTaken(id), because);
  if (name === 'RequestTooLargeException' || name === 'SerializedRequestEntityTooLargeException')
    return new UserError(TOO_LARGE, because);
  if (status === 429 || name === 'EC2ThrottledException') return new TransientError(THROTTLED, { ...because, throttled: true });
  // A forbidden KMS key or a full subnet answers with 502, but another attempt would not help.
  if (/^(KMS|Invalid|ENILimit|SubnetIP|EC2AccessDenied)/.test(name)) return refused(error, log);
  const isLate = status === 408; // a mount or the start of the function took too long
  if (status >= 500 || isLate || PASSING.has(name) || lostOnTheWay || isExpired(error)) return new TransientError(FAULT, because);
  return refused(error, log);
}

/** An error that only the operator can fix. */
export function refused(cause: Error, log: Log): UserError {
  log.error({ error: cause }, 'Lambda refused a call.');
  return new UserError(REFUSED, { cause });
}
