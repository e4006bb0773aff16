// What Lambda and the way to it throw, in our own kinds and sentences. The provider's words, and names of resources, stay in `cause`.

import { factsOf } from '../../pipeline/contract/aws-errors.ts';
import { TransientError, UserError } from '../../pipeline/contract/errors.ts';
import { nameTaken } from '../../pipeline/contract/execution-names.ts';
import type { Log } from '../../pipeline/ports.ts';

/** Those that pass and have a status below 500. */
const PASSING = new Set([
  'TimeoutError',
  'ResourceConflictException',
  'EFSIOException',
  'CodeArtifactUserPendingException', // of a function that was just deployed, as the next
  'SnapStartNotReadyException',
]);

const THROTTLED =
  'Expected an answer of the durable execution service, got that there are too many calls. Try again in a few seconds.';
const FAULT = 'Expected an answer of the durable execution service, got a fault of its own or none in time. Try again.';
/** For whoever calls a tool; the log says to whoever deploys what it was. */
const REFUSED = 'Expected that this server may start and watch analyses, got a refusal. Tell who deployed it; its log says why.';
const TOO_LARGE = 'Expected a request that the durable execution service takes, got one too large. Use fewer labels and words.';

/** Which execution it is about, and where a refusal is told in the provider's words. */
export interface About {
  id: string;
  log: Log;
}

/** The answer of an exchange. */
export async function answerOf<T>(exchange: Promise<T>, about: About): Promise<T> {
  try {
    return await exchange;
  } catch (error) {
    throw ourError(error, about);
  }
}

/** Like `answerOf`, and null when there is no such execution. */
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
  // A key that may not be used or a network that is full answers with 502: no other attempt changes that.
  if (/^(KMS|Invalid|ENILimit|SubnetIP|EC2AccessDenied)/.test(name)) return refused(error, log);
  const late = status === 408; // a mount, or a start of the function, that took too long
  if (status >= 500 || late || PASSING.has(name) || lostOnTheWay) return new TransientError(FAULT, because);
  return refused(error, log);
}

/** What whoever deployed it has to mend. */
export function refused(cause: Error, log: Log): UserError {
  log.error({ error: cause }, 'Lambda refused a call.');
  return new UserError(REFUSED, { cause });
}
