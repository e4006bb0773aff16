// Errors of a disk, as sentences.
import { expect, test } from 'vitest';
import { withDiskAdvice } from '../../../pipeline/contract/disk-errors.ts';

test.each([
  ['EFBIG', 'UserError', 'The server may not write a file of this size (EFBIG). Raise its limit (`ulimit -f`).'],
  ['EROFS', 'UserError', 'The server may not write to its data folder (EROFS). Check the permissions of the folder.'],
  [
    'ENOSPC',
    'TransientError',
    'The disk of the server is full. Free some space, for example with delete_execution, then try again.',
  ],
])('%s is a sentence', (code, name, message) => {
  expect(withDiskAdvice(Object.assign(new Error(`${code}: write`), { code }))).toMatchObject({ name, message });
});
