// The source image as a local file that all steps of an invocation share, and its overview once it is cut into tiles.
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { keys } from '../contract/keys.ts';
import type { AnalysisRequest } from '../contract/schemas.ts';
import type { ImageFile } from '../imaging/decoder-limits.ts';
import { jpegOf } from '../imaging/image-reader.ts';
import { pyramidOf } from '../planning/stored-plan.ts';
import type { Jpeg, LocalFile, PipelineDeps } from '../ports.ts';

export interface SourceImage {
  /** Stays until `release`. */
  file(): Promise<ImageFile>;
  /** The whole image, scaled down. Throws if the image is not cut into tiles yet. */
  overview(): Promise<Jpeg>;
  /** Removes the local copy. The next call of `file` fetches it again. */
  release(): Promise<void>;
}

export function sourceImage(request: AnalysisRequest, deps: PipelineDeps): SourceImage {
  let fetched: Promise<LocalFile> | null = null;
  let overview: Promise<Jpeg> | null = null;
  return {
    async file() {
      fetched ??= localFile(request, deps);
      const { path } = await onFailure(fetched, () => {
        fetched = null;
      });
      return { path, page: request.page - 1, bands: request.bands, limits: deps.limits.image };
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

/** Step 0, for an image that is elsewhere: one download, stored so that every later step reads the same bytes. */
export async function fetchImage(request: AnalysisRequest, url: string, deps: PipelineDeps): Promise<{ key: string }> {
  const key = keys.image(request.execution_id);
  const folder = await mkdtemp(join(deps.scratchFolder, 'fetch-'));
  try {
    const path = join(folder, 'image');
    await deps.imageDownloads.download(url, path, deps.limits.image.fileBytesMax, request.image.version);
    await deps.blobs.putFile(key, path);
    return { key };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
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

async function localFile({ execution_id, image: { source } }: AnalysisRequest, { blobs }: PipelineDeps): Promise<LocalFile> {
  switch (source.kind) {
    case 'file':
      return { path: source.path, release: async () => {} };
    case 'blob':
      return await blobs.materialize(source.key);
    case 'url':
      return await blobs.materialize(keys.image(execution_id)); // stored by `fetchImage`
  }
}

async function storedOverview(request: AnalysisRequest, { blobs }: PipelineDeps): Promise<Jpeg> {
  const key = keys.overview(pyramidOf(request));
  const bytes = await blobs.get(key);
  if (!bytes) throw new Error(`Expected an overview at ${key}, but there is none.`);
  return await jpegOf(bytes);
}
