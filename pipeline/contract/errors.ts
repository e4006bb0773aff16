// The kinds of failure, decided where they are thrown. Anything else that is thrown is a bug.

/** The caller can fix it, and nothing goes on until then. The message is one sentence or two: what was expected, what came, what to do. */
export class UserError extends Error {
  override name = 'UserError';
}

/** Worth another attempt: throttling, a cut connection, a busy disk. */
export class TransientError extends Error {
  override name = 'TransientError';
  /** True when the other side asked for fewer calls, so that everybody should slow down, not only this call. */
  readonly throttled: boolean;

  constructor(message: string, options: ErrorOptions & { throttled?: boolean } = {}) {
    super(message, options);
    this.throttled = options.throttled ?? false;
  }
}

/**
 * A model was asked and gave nothing that can be used: refused, cut off, empty, invalid, or its process ended over it. Costs one
 * tile, not the execution, and another attempt would not help.
 */
export class AnswerError extends Error {
  override name = 'AnswerError';
}

/** What a caller reads in place of an error that is a bug. */
export const INTERNAL_ERROR = 'Internal error. The log of this server has the details.';

/**
 * The sentence of the first of these errors in a chain of causes, or null. Only such sentences may leave the
 * deployment. Goes by name: `instanceof` is lost once an error has crossed a checkpoint or a process.
 */
export function sentenceOf(error: unknown): string | null {
  return ours(error)?.message ?? null;
}

/** True when the caller has to do something before any other attempt could go well. */
export function mustBeFixed(error: unknown): boolean {
  return ours(error)?.name === 'UserError';
}

const OURS = new Set(['UserError', 'TransientError', 'AnswerError']);

function ours(error: unknown): Error | null {
  for (let link = error; link instanceof Error; link = link.cause) {
    if (OURS.has(link.name)) return link;
  }
  return null;
}
