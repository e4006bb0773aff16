// Gives a step the picture as a local file, for as long as it works on it.
import type { AnalysisRequest } from '../core/contract.ts';
import type { PipelineDeps } from '../ports.ts';

export async function withPicture<T>(
  { image }: Pick<AnalysisRequest, 'image'>,
  { blobs }: Pick<PipelineDeps, 'blobs'>,
  use: (path: string) => Promise<T>,
): Promise<T> {
  if (image.source.kind === 'file') return await use(image.source.path);
  const file = await blobs.materialize(image.source.key);
  try {
    return await use(file.path);
  } finally {
    await file.release();
  }
}
