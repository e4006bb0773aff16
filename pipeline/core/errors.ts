// The two kinds of failure, decided where they are thrown. Anything else that is thrown is a bug.

/** The caller can fix it. The message is one sentence or two: what was expected, what came, what to do. */
export class UserError extends Error {
  override name = 'UserError';
}

/** Worth another attempt: throttling, a cut connection, a busy disk. */
export class TransientError extends Error {
  override name = 'TransientError';
}

/**
 * The sentence of the first UserError or TransientError in a chain of causes, or null. Only such sentences may leave the
 * deployment. Goes by name: `instanceof` is lost once an error has crossed a checkpoint or a process.
 */
export function sentenceOf(error: unknown): string | null {
  for (let link = error; link instanceof Error; link = link.cause) {
    if (link.name === 'UserError' || link.name === 'TransientError') return link.message;
  }
  return null;
}
