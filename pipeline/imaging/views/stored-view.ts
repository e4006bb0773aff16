// Renders a view of an image that was cut into tiles: reads the pyramid's directory once per process, and the runs of tiles of the matching
// level that meet the boxes.
import { keys } from '../../contract/keys.ts';
import type { Box } from '../../contract/schemas.ts';
import type { Plan } from '../../planning/plan.ts';
import type { Blobs, Jpeg } from '../../ports.ts';
import { cutOut } from '../cut-out.ts';
import { cachedSzi } from '../szi/szi.ts';
import { type RenderedView, renderView, type View } from './view.ts';

/** `executionId` holds the pyramid. */
export async function storedView(executionId: string, plan: Plan, view: View, blobs: Blobs): Promise<RenderedView> {
  const szi = await cachedSzi(blobs, keys.pyramid(executionId), plan);
  const finest = 1 / 2 ** plan.pyramidLevel;
  return await renderView((box, scale) => cutOut(szi, plan, box, Math.min(finest, scale)), view);
}

/** One box as it is, of at most `pixelsMax` pixels. */
export async function storedBox(executionId: string, plan: Plan, box: Box, pixelsMax: number, blobs: Blobs): Promise<Jpeg> {
  const plain = { edgePxMax: pixelsMax, turn: 0, contrast: false, grid: false, findings: [] } as const;
  const { bytes, width, height } = await storedView(executionId, plan, { boxes: [box], pixelsMax, ...plain }, blobs);
  return { bytes, width, height };
}
