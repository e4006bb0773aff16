// The kinds of failure. The code that throws decides which one it is; any other error is a bug.
import type { Usage } from './schemas.ts';
import { NO_USAGE, totalUsage } from './usage.ts';

/** The caller can fix it, and nothing continues until then. The message says what was expected, what came and what to do. */
export class UserError extends Error {
  override name = 'UserError';
  /** The quota of a day or the credit of an account is used up: every other call would fail as well. */
  readonly usedUp: boolean;

  constructor(message: string, options: ErrorOptions & { usedUp?: boolean } = {}) {
    super(message, options);
    this.usedUp = options.usedUp ?? false;
  }
}

/** What the model calls before an error have cost. It would be lost with their answers. */
interface Paid {
  paid: Usage;
}

/** Another attempt may succeed: throttling, a lost connection, a busy disk. */
export class TransientError extends Error implements Paid {
  override name = 'TransientError';
  paid = NO_USAGE;
  /** The service asks for fewer calls: all callers should slow down, not only this one. */
  readonly throttled: boolean;
  /** Seconds for which the service asks to wait; 0 if it does not state it. */
  readonly retryAfterS: number;

  constructor(message: string, options: ErrorOptions & { throttled?: boolean; retryAfterS?: number } = {}) {
    super(message, options);
    this.throttled = options.throttled ?? false;
    this.retryAfterS = options.retryAfterS ?? 0;
  }
}

/**
 * The answer of a model cannot be used: it was refused, cut off, empty or invalid, or the process of the model crashed. Costs one
 * tile, not the execution. Another attempt would not help.
 */
export class AnswerError extends Error implements Paid {
  override name = 'AnswerError';
  paid = NO_USAGE;
}

export function paidBefore(error: unknown): Usage {
  return isPaid(error) ? error.paid : NO_USAGE;
}

/** Adds to what was paid before the error, and returns it. */
export function withPaid(error: unknown, usage: Usage): unknown {
  if (isPaid(error)) error.paid = totalUsage([error.paid, usage]);
  return error;
}

function isPaid(error: unknown): error is Paid {
  return error instanceof AnswerError || error instanceof TransientError;
}

const URI_CHARACTERS_MAX = 200;

/** What was checked must be what is used: an image has one version from the call to the last step that reads it. */
export function changedImage(uri: string): UserError {
  return new UserError(`The image ${shown(uri)} has changed since it was named. Name it again to analyze its current version.`);
}

/** It was there when it was named. */
export function missingImage(uri: string, cause: unknown): UserError {
  return new UserError(`The image ${shown(uri)} no longer exists or may not be read. Check the name, or upload the image.`, {
    cause,
  });
}

function shown(uri: string): string {
  return uri.slice(0, URI_CHARACTERS_MAX);
}

/** What a caller reads if the error is a bug. */
export const INTERNAL_ERROR = 'Internal error. See the server log for the cause.';

/**
 * The message of the first of these errors in a chain of causes, or `null`. Only such messages may leave the deployment.
 * Compares names: an error that has crossed a checkpoint or a process is no instance of its class any more.
 */
export function sentenceOf(error: unknown): string | null {
  return ours(error)?.message ?? null;
}

/** True if no other attempt can succeed before the caller has fixed something. */
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

/** The code of an error of the system, such as ENOENT. Empty if the error has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
