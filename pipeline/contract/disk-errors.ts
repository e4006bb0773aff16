// Errors of a disk or of the limits of a process, as sentences. Pure.
import { codeOf, sentenceOf, TransientError, UserError } from './errors.ts';

const IS_FULL = ['ENOSPC', 'EDQUOT'];
const HAS_NO_HANDLE = ['EMFILE', 'ENFILE'];
const IS_FORBIDDEN = ['EACCES', 'EPERM', 'EROFS'];

/** libvips reports what the system refused only in its text. */
const SAYS_FULL = /No space left on device|Disk quota exceeded/;
const SAYS_NO_HANDLE = /Too many open files/;

/** A TransientError or a UserError for what a disk refuses; any other error unchanged. */
export function withDiskAdvice(error: unknown): unknown {
  const code = codeOf(error);
  if (IS_FORBIDDEN.includes(code))
    return new UserError(`The server may not write to its data folder (${code}). Check the permissions of the folder.`, {
      cause: error,
    });
  if (code === 'EFBIG')
    return new UserError('The server may not write a file of this size (EFBIG). Raise its limit (`ulimit -f`).', {
      cause: error,
    });
  return withCapacityAdvice(error);
}

export function isDiskFull(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (IS_FULL.includes(codeOf(cause)) || SAYS_FULL.test(cause.message)) return true;
  }
  return false;
}

/** A TransientError if a full disk or too many open files are the cause; any other error unchanged. */
export function withCapacityAdvice(error: unknown): unknown {
  if (sentenceOf(error) !== null) return error;
  if (isDiskFull(error))
    return new TransientError(
      'The disk of the server is full. Free some space, for example with delete_execution, then try again.',
      { cause: error },
    );
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (HAS_NO_HANDLE.includes(codeOf(cause)) || SAYS_NO_HANDLE.test(cause.message))
      return new TransientError('The server has too many files open. Try again in a minute.', { cause: error });
  }
  return error;
}
