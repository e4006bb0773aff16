// Step 8: the findings document, the overlay, and the last word of the progress. Writing them twice is harmless.
import type { FindingsDocument } from '../core/contract.ts';
import { keys } from '../core/keys.ts';
import { type Plan, tileCount } from '../core/plan.ts';
import { drawOverlay } from '../imaging/overlay.ts';
import { cachedSzi } from '../imaging/szi.ts';
import type { PipelineDeps } from '../ports.ts';

export async function store(document: FindingsDocument, plan: Plan, { blobs }: PipelineDeps): Promise<void> {
  const szi = await cachedSzi(blobs, keys.pyramid(document.execution_id), tileCount(plan));
  await blobs.put(keys.overlay(document.execution_id), await drawOverlay(szi, plan, document.findings));
  await blobs.put(keys.findings(document.execution_id), Buffer.from(JSON.stringify(document, null, 1)));
}
