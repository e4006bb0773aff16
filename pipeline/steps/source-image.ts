// The source image as a local file that all steps of an invocation share, and its overview once it is cut into tiles.
import { changedImage } from '../contract/errors.ts';
import { keys } from '../contract/keys.ts';
import type { AnalysisRequest } from '../contract/schemas.ts';
import type { ImageFile } from '../imaging/decoder-limits.ts';
import { jpegOf } from '../imaging/image-reader.ts';
import { pyramidOf } from '../planning/stored-plan.ts';
import type { Jpeg, LocalFile } from '../ports.ts';
import { localFile, type ReadingDeps } from './image/local-copy.ts';

export interface SourceImage {
  /** Stays until `release`. Throws a UserError if the image is not the one that was named, or not what `mustBe` requires. */
  file(): Promise<ImageFile>;
  /** What identifies the bytes of `file`. Throws as `file`. */
  version(): Promise<string>;
  /** The version that an earlier step has read; `null` if it is not known. */
  mustBe(version: string | null): void;
  /** The whole image, scaled down. Throws if the image is not cut into tiles yet. */
  overview(): Promise<Jpeg>;
  /** Removes the local copy. The next call of `file` fetches it again. */
  release(): Promise<void>;
}

export function sourceImage(request: AnalysisRequest, deps: ReadingDeps): SourceImage {
  let fetched: Promise<LocalFile> | null = null;
  let overview: Promise<Jpeg> | null = null;
  let required: string | null = null;

  async function checked(): Promise<LocalFile> {
    fetched ??= localFile(request, deps);
    const file = await onFailure(fetched, () => {
      fetched = null;
    });
    if (required !== null && file.version !== required) throw changedImage(request.image.uri);
    return file;
  }

  return {
    async file() {
      const { path } = await checked();
      return { path, page: request.page - 1, bands: request.bands, limits: deps.limits.image };
    },
    version: async () => (await checked()).version,
    mustBe(version) {
      required = version;
    },
    async overview() {
      overview ??= storedOverview(request, deps);
      return await onFailure(overview, () => {
        overview = null;
      });
    },
    async release() {
      const file = await fetched?.catch(() => null); // a failed fetch leaves no file
      fetched = null;
      await file?.release();
    },
  };
}

/** A failure is not kept: the next attempt of a step fetches again. */
async function onFailure<T>(promise: Promise<T>, forget: () => void): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    forget();
    throw error;
  }
}

async function storedOverview(request: AnalysisRequest, { blobs }: ReadingDeps): Promise<Jpeg> {
  const key = keys.overview(pyramidOf(request));
  const bytes = await blobs.get(key);
  if (!bytes) throw new Error(`Expected an overview at ${key}, but there is none.`);
  return await jpegOf(bytes);
}
