// Step 8: the findings document, the overlay, and the last word of the progress. Writing them twice is harmless.
import type { FindingsDocument } from '../core/contract.ts';
import { keys } from '../core/keys.ts';
import { isRejected } from '../core/verification.ts';
import { drawOverlay } from '../imaging/overlay.ts';
import type { PipelineDeps } from '../ports.ts';
import type { PictureInHand } from './picture-in-hand.ts';

export async function store(document: FindingsDocument, picture: PictureInHand, { blobs }: PipelineDeps): Promise<void> {
  const { execution_id, image, findings } = document;
  const shown = findings.filter((finding) => !isRejected(finding));
  const overview = await picture.overview();
  await blobs.put(keys.overlay(execution_id), await drawOverlay(overview.bytes, image, shown));
  await blobs.put(keys.findings(execution_id), Buffer.from(JSON.stringify(document, null, 1)));
}
