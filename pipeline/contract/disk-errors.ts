// Errors of a disk or of the limits of a process, as sentences. Pure.
import { TransientError, UserError } from './errors.ts';

const IS_FULL = ['ENOSPC', 'EDQUOT'];
const HAS_NO_HANDLE = ['EMFILE', 'ENFILE'];
const IS_FORBIDDEN = ['EACCES', 'EPERM', 'EROFS'];

/** A TransientError or a UserError for what a disk refuses; any other error unchanged. */
export function withDiskAdvice(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (IS_FULL.includes(code))
    return new TransientError(
      'The disk of the server is full. Free some space, for example with delete_execution, then try again.',
      {
        cause: error,
      },
    );
  if (HAS_NO_HANDLE.includes(code))
    return new TransientError('The server has too many files open. Try again in a minute.', { cause: error });
  if (IS_FORBIDDEN.includes(code))
    return new UserError(`The server may not write to its data folder (${code}). Check the permissions of the folder.`, {
      cause: error,
    });
  return error;
}
