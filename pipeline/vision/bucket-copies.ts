// Copies of the registered detectors of a bucket on the temporary disk. The least recently used ones are deleted again.
import { at } from '../contract/at.ts';
import { isDiskFull } from '../contract/disk-errors.ts';
import { TransientError, UserError } from '../contract/errors.ts';
import { lru } from '../contract/lru.ts';
import type { BlobHead, Blobs, LocalFile } from '../ports.ts';

/** More than a request may name, which is 4. Each has at most 500 MB, text models 30: 4 GB of a temporary disk of 10. */
const COPIES_KEPT_MAX = 8;

/** A file, and its size as the sidecar states it. */
export interface StatedFile {
  file: string;
  bytes: number;
}

/**
 * Returns the paths of the copies of a detector's files, in their order. `version` changes with its sidecar; `afresh` also replaces copies of
 * files that have changed since. Throws a UserError if one is not there, or has another size than its sidecar states.
 */
export function bucketCopies(
  blobs: Pick<Blobs, 'materialize' | 'head'>,
  keyOf: (name: string, file: string) => string,
): (name: string, files: readonly StatedFile[], version: string, afresh: boolean) => Promise<string[]> {
  const copies = lru<string, Promise<LocalFile[]>>(COPIES_KEPT_MAX, (copy) => {
    copy.then(releaseAll).catch(() => {}); // a copy that failed left nothing
  });
  /** Copies that are complete: those in progress need their room. */
  const complete = new WeakMap<Promise<LocalFile[]>, LocalFile[]>();
  const headOf = async (key: string): Promise<BlobHead> => {
    const head = await blobs.head(key);
    if (head) return head;
    throw new UserError(`The bucket has no ${key}. Upload the model beside its sidecar.`);
  };
  const copied = async (name: string, stated: readonly StatedFile[]) => {
    const files: LocalFile[] = [];
    try {
      for (const { file, bytes: expected } of stated) {
        const key = keyOf(name, file);
        const { bytes } = await headOf(key);
        if (bytes !== expected) throw otherSize(key, bytes, expected);
        files.push(await blobs.materialize(key));
      }
      return files;
    } catch (error) {
      await releaseAll(files);
      throw error;
    }
  };
  /** Deletes the other copies; `false` if there are none. The images on the same disk stay: an analysis needs them. */
  const madeRoom = async (): Promise<boolean> => {
    let isFreed = false;
    for (const id of copies.keys()) {
      const copy = copies.get(id);
      const files = copy && complete.get(copy);
      if (!files) continue;
      copies.delete(id);
      await releaseAll(files);
      isFreed = true;
    }
    return isFreed;
  };
  const copiedWithRoom = async (name: string, stated: readonly StatedFile[]) => {
    try {
      return await copied(name, stated);
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      if (!(await madeRoom())) throw noRoom(name, stated, error);
    }
    return await copied(name, stated).catch((error: unknown) => {
      throw isDiskFull(error) ? noRoom(name, stated, error) : error;
    });
  };
  /** Forgets the copies if a file in the bucket is another one now. */
  const checkCopies = async (id: string, name: string, stated: readonly StatedFile[]) => {
    const copy = copies.get(id);
    if (!copy) return;
    const files = await copy;
    const heads = await Promise.all(stated.map(async ({ file }) => await headOf(keyOf(name, file))));
    if (heads.every(({ version }, place) => version === at(files, place).version) || copies.get(id) !== copy) return;
    copies.delete(id);
    await releaseAll(files);
  };
  return async (name, files, version, afresh) => {
    const id = `${name}-${version}`;
    if (afresh) await checkCopies(id, name, files);
    const copy = copies.get(id) ?? copiedWithRoom(name, files);
    copies.set(id, copy);
    copy.then(
      (copied) => complete.set(copy, copied),
      () => copies.delete(id),
    );
    return (await copy).map(({ path }) => path);
  };
}

/** Other executions of the same process may free room. */
function noRoom(name: string, stated: readonly StatedFile[], cause: unknown): TransientError {
  const bytes = stated.reduce((sum, file) => sum + file.bytes, 0).toLocaleString('en');
  return new TransientError(
    `The temporary disk has no room for the ${bytes} bytes of the model onnx:${name}. Raise PipelineDiskMb, or analyze fewer images at once.`,
    { cause },
  );
}

function otherSize(key: string, bytes: number, expected: number): UserError {
  const sizes = `${bytes.toLocaleString('en')} bytes, not ${expected.toLocaleString('en')}`;
  return new UserError(
    `The file ${key} of the bucket is not the one that its detector.json describes: it has ${sizes}. Upload both again.`,
  );
}

async function releaseAll(files: readonly LocalFile[]): Promise<void> {
  for (const { release } of files) await release();
}
