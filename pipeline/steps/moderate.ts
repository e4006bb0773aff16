// Step 2: a small copy of the picture → allowed or blocked. Fails closed: no verdict is an exception, and ends the analysis.
import type { ModelId } from '../core/contract.ts';
import { smallCopy } from '../imaging/picture.ts';
import type { ModerationAnswer, PipelineDeps } from '../ports.ts';
import type { PictureInHand } from './picture-in-hand.ts';

/** Longer side of the copy that is judged. */
const COPY_EDGE_PX = 1_024;

export async function moderate(model: ModelId, picture: PictureInHand, deps: PipelineDeps): Promise<ModerationAnswer> {
  const copy = await smallCopy(await picture.file(), COPY_EDGE_PX);
  return await deps.vision.moderate(model, copy);
}
