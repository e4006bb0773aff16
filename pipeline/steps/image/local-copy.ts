// The image of a request as a file of this machine, with exactly the bytes that were named.
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { changedImage, missingImage } from '../../contract/errors.ts';
import { keys } from '../../contract/keys.ts';
import type { AnalysisRequest } from '../../contract/schemas.ts';
import type { LocalFile, PipelineDeps } from '../../ports.ts';
import { fileSnapshot, type NamedFile } from './file-snapshot.ts';

/** What reading an image needs. */
export interface ReadingDeps extends Pick<PipelineDeps, 'blobs' | 'scratchFolder'> {
  limits: Pick<PipelineDeps['limits'], 'image'>;
}

/** Throws a UserError if the image is not the one that was named. */
export async function localFile(request: AnalysisRequest, deps: ReadingDeps): Promise<LocalFile> {
  const { source, uri, version } = request.image;
  switch (source.kind) {
    case 'file':
      return await copiedFile({ source, uri, version }, deps);
    case 'blob':
      return await storedFile(source.key, request, deps);
    case 'url':
      return await deps.blobs.materialize(keys.image(request.execution_id)); // stored by `fetchImage`
  }
}

async function copiedFile(image: NamedFile, { scratchFolder, limits }: ReadingDeps): Promise<LocalFile> {
  const folder = await mkdtemp(join(scratchFolder, 'file-'));
  const release = () => rm(folder, { recursive: true, force: true });
  try {
    const path = join(folder, 'image');
    return { path, version: await fileSnapshot(image, path, limits.image), release };
  } catch (error) {
    await release();
    throw error;
  }
}

async function storedFile(key: string, { image }: AnalysisRequest, { blobs }: ReadingDeps): Promise<LocalFile> {
  const file = await blobs.materialize(key).catch(async (cause: unknown) => {
    throw (await blobs.head(key)) ? cause : missingImage(image.uri, cause);
  });
  if (file.version === image.version) return file;
  await file.release();
  throw changedImage(image.uri);
}
