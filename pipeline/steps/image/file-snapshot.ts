// A private copy of a file of this machine, made from one open handle: by the next step, the name may lead to another file, and the
// file may hold another image.
import { createHash } from 'node:crypto';
import { type FileHandle, open, readlink, realpath } from 'node:fs/promises';
import { changedImage, codeOf, missingImage } from '../../contract/errors.ts';
import type { ImageSource } from '../../contract/schemas.ts';
import { checkFileFacts } from '../../imaging/limit-checks.ts';
import type { ImageLimits } from '../../planning/image-limits.ts';

const CHUNK_BYTES = 1_048_576;
const PRIVATE_FILE = 0o600;

export interface NamedFile {
  source: ImageSource & { kind: 'file' };
  uri: string;
  version: string;
}

/**
 * Copies the file to `path`, and returns the SHA-256 of its bytes. Throws a UserError if it is not the file that was named (another
 * file, another version, a link, a pipe), if it changes meanwhile, is too large or cannot be opened.
 */
export async function fileSnapshot(image: NamedFile, path: string, limits: ImageLimits): Promise<string> {
  await using file = await opened(image);
  const before = await file.stat();
  const isNamed =
    before.isFile() && versionOfFile(before) === image.version && (await realPathOf(file, image)) === image.source.path;
  if (!isNamed) throw changedImage(image.uri);
  checkFileFacts(before, limits);
  await using copy = await open(path, 'wx', PRIVATE_FILE);
  const hash = createHash('sha256');
  const buffer = Buffer.alloc(CHUNK_BYTES);
  for (let copied = 0; copied <= before.size; ) {
    const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, copied);
    if (bytesRead === 0) break;
    const bytes = buffer.subarray(0, bytesRead);
    hash.update(bytes);
    await copy.writeFile(bytes); // at the end of what is written
    copied += bytesRead;
  }
  const after = await file.stat();
  if (versionOfFile(after) !== image.version || after.ctimeMs !== before.ctimeMs) throw changedImage(image.uri);
  return hash.digest('hex');
}

/** Follows no link, and does not wait for the writer of a pipe. Windows has no such flags. */
async function opened({ source, uri }: NamedFile): Promise<FileHandle> {
  const { constants } = await import('node:fs/promises'); // the build defers functions of this module, and only those
  try {
    return await open(source.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    const code = codeOf(cause);
    if (code === 'ELOOP' || code === 'ENXIO') throw changedImage(uri); // a link, a socket
    if (!['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'].includes(code)) throw cause;
    throw missingImage(uri, cause);
  }
}

/** Linux knows where an open file is; elsewhere its name is resolved again. Another path shows that a folder became a link. */
async function realPathOf(file: FileHandle, { source }: NamedFile): Promise<string | null> {
  const byHandle = await readlink(`/proc/self/fd/${file.fd}`).catch(() => null);
  return byHandle ?? (await realpath(source.path).catch(() => null));
}

/** As the name of an image has it. */
function versionOfFile({ mtimeMs, size }: { mtimeMs: number; size: number }): string {
  return `${mtimeMs}-${size}`;
}
