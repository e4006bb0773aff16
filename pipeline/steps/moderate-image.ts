// Step 2: a small copy of the image → allowed or blocked. Fails closed: no verdict is an exception, and ends the analysis.
import type { ModelId } from '../contract/schemas.ts';
import { smallCopy } from '../imaging/image-file.ts';
import type { ModerationAnswer, PipelineDeps } from '../ports.ts';
import type { ImageInHand } from './source-image.ts';

/** Longer side of the copy that is judged. */
const COPY_EDGE_PX = 1_024;

export async function moderate(model: ModelId, image: ImageInHand, deps: PipelineDeps): Promise<ModerationAnswer> {
  const copy = await smallCopy(await image.file(), COPY_EDGE_PX);
  return await deps.vision.moderate(model, copy);
}
