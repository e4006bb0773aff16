// The image as a local file, fetched once for all steps of an invocation that need it; and, once it is cut, its small copy.

import { keys } from '../contract/keys.ts';
import type { AnalysisRequest } from '../contract/schemas.ts';
import type { ImageFile } from '../imaging/decoder-limits.ts';
import { jpegOf } from '../imaging/image-file.ts';
import { pyramidOf } from '../planning/stored-plan.ts';
import type { Jpeg, LocalFile, PipelineDeps } from '../ports.ts';

export interface ImageInHand {
  /** Stays until `release`. */
  file(): Promise<ImageFile>;
  /** The whole image, small. Throws when the image was not cut yet. */
  overview(): Promise<Jpeg>;
  /** Gives the file back. The next `file` fetches it anew. */
  release(): Promise<void>;
}

export function imageInHand(request: AnalysisRequest, deps: PipelineDeps): ImageInHand {
  let fetched: Promise<LocalFile> | null = null;
  let overview: Promise<Jpeg> | null = null;
  return {
    async file() {
      fetched ??= localFile(request, deps);
      const { path } = await forgotten(fetched, () => {
        fetched = null;
      });
      return { path, page: request.page - 1, limits: deps.limits.image };
    },
    async overview() {
      overview ??= storedOverview(request, deps);
      return await forgotten(overview, () => {
        overview = null;
      });
    },
    async release() {
      const file = await fetched?.catch(() => null); // what could not be fetched left nothing behind
      fetched = null;
      await file?.release();
    },
  };
}

/** A failure is not kept: the next attempt of a step fetches anew. */
async function forgotten<T>(promise: Promise<T>, forget: () => void): Promise<T> {
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
      return await blobs.materialize(keys.image(execution_id)); // where the step `fetch` has put it
  }
}

async function storedOverview(request: AnalysisRequest, { blobs }: PipelineDeps): Promise<Jpeg> {
  const bytes = await blobs.get(keys.overview(pyramidOf(request)));
  if (!bytes) throw new Error(`Expected an overview of ${request.execution_id}, got none.`);
  return await jpegOf(bytes);
}
