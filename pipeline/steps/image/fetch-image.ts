// Step 0, for an image that is elsewhere: one download.
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { keys } from '../../contract/keys.ts';
import type { AnalysisRequest } from '../../contract/schemas.ts';
import type { PipelineDeps } from '../../ports.ts';

/** The download is stored, so that every later step reads the same bytes. */
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
