// Step 0, for pictures that are elsewhere: one download, stored, so that every later step sees the same bytes.
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { AnalysisRequest } from '../core/contract.ts';
import { keys } from '../core/keys.ts';
import type { PipelineDeps } from '../ports.ts';

export async function fetchPicture(request: AnalysisRequest, url: string, deps: PipelineDeps): Promise<{ key: string }> {
  const key = keys.picture(request.execution_id);
  const folder = await mkdtemp(join(deps.scratchFolder, 'fetch-'));
  try {
    const path = join(folder, 'picture');
    await deps.remotePictures.download(url, path, deps.limits.picture.fileBytesMax, request.image.version);
    await deps.blobs.putFile(key, path);
    return { key };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
