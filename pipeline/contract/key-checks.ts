// Checks keys, folders and ranges before they reach a store. What one store could not hold, every store refuses.

/** A store in a folder writes unfinished objects here, so no key may contain it. */
export const RESERVED_SEGMENT = '.parts';
const KEY_BYTES_MAX = 1_024; // as on S3
const LIST_MAX = 1_000; // as on S3

/** Returns the key. Throws a RangeError if a store could not hold it, or if it could lead out of a folder. */
export function checkedKey(key: string): string {
  const isInvalid = key
    .split('/')
    .some((segment) => ['', '.', '..', RESERVED_SEGMENT].includes(segment) || /[\\\p{Cc}\p{Cs}]/u.test(segment));
  if (isInvalid || new TextEncoder().encode(key).length > KEY_BYTES_MAX) {
    throw new RangeError(
      `The key ${JSON.stringify(key.slice(0, 100))} is invalid. A key is relative, without empty, . or .. segments and without ` +
        `control characters, and has at most ${KEY_BYTES_MAX} bytes.`,
    );
  }
  return key;
}

/** Returns the folder. Throws a RangeError if it does not end in `/`, if `checkedKey` refuses it, or if the limit is invalid. */
export function checkedFolder(folder: string, { limit }: { limit: number }): string {
  if (!folder.endsWith('/')) throw new RangeError(`The folder ${JSON.stringify(folder.slice(0, 100))} must end in /.`);
  if (!Number.isInteger(limit) || limit < 1 || limit > LIST_MAX)
    throw new RangeError(`The limit (${limit}) must be from 1 to ${LIST_MAX}.`);
  checkedKey(folder.slice(0, -1));
  return folder;
}

/** Throws a RangeError if the range does not contain at least one byte. */
export function checkRange(start: number, length: number): void {
  if (Number.isSafeInteger(start) && Number.isSafeInteger(length) && start >= 0 && length >= 1) return;
  throw new RangeError(`The range (${length} bytes from ${start}) must contain at least one byte.`);
}
