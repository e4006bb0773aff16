// The two kinds of failure, decided where they are thrown. Anything else that is thrown is a bug.

/** The caller can fix it. The message is one sentence or two: what was expected, what came, what to do. */
export class UserError extends Error {
  override name = 'UserError';
}

/** Worth another attempt: throttling, a cut connection, a busy disk. */
export class TransientError extends Error {
  override name = 'TransientError';
}

/** Names an error may carry after it crossed a checkpoint or a process, where `instanceof` is lost. */
export function isUserError(error: unknown): error is Error {
  return error instanceof Error && (error instanceof UserError || error.name === 'UserError');
}
