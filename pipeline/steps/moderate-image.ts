// Step 2: a model decides on a small copy whether the image may be analyzed. Without a verdict the analysis fails.
import type { ModelId } from '../contract/schemas.ts';
import { smallCopy } from '../imaging/image-reader.ts';
import type { ModerationAnswer, PipelineDeps } from '../ports.ts';
import type { SourceImage } from './source-image.ts';

/** Longer side of the copy. */
const COPY_EDGE_PX = 1_024;

export async function moderateImage(model: ModelId, image: SourceImage, deps: PipelineDeps): Promise<ModerationAnswer> {
  const copy = await smallCopy(await image.file(), COPY_EDGE_PX, deps.scratchFolder);
  return await deps.vision.moderate(model, copy);
}
