// Renders a view of an image that was cut into tiles: reads the pyramid's directory once per process, and the runs of tiles of the matching
// level that meet the boxes.
import { TransientError } from '../../contract/errors.ts';
import { keys } from '../../contract/keys.ts';
import type { Box } from '../../contract/schemas.ts';
import type { Plan } from '../../planning/plan.ts';
import type { Blobs, Jpeg } from '../../ports.ts';
import { cutOut } from '../cut-out.ts';
import { cachedSzi } from '../szi/szi.ts';
import { type RenderedView, renderView, type View } from './view.ts';

/** Views compute in libuv's 4 threads. One that waits for a thread would hold its pixels meanwhile: up to 50 MB. */
export const RENDERED_AT_ONCE = 4;
/** x 0.1 s to 0.5 s, on 2 cores. */
export const WAITING_MAX = 100;

let rendering = 0;
const waiting: (() => void)[] = [];

/** `executionId` holds the pyramid. Throws a TransientError if too many views wait to be rendered. */
export async function storedView(executionId: string, plan: Plan, view: View, blobs: Blobs): Promise<RenderedView> {
  if (rendering < RENDERED_AT_ONCE) rendering++;
  else {
    if (waiting.length >= WAITING_MAX) throw new TransientError(`More than ${WAITING_MAX} views wait. Try again later.`);
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting.push(resolve);
    await promise; // takes over the place of a view that has ended
  }
  try {
    return await rendered(executionId, plan, view, blobs);
  } finally {
    const next = waiting.shift();
    if (next) next();
    else rendering--;
  }
}

/** One box as it is, of at most `pixelsMax` pixels. */
export async function storedBox(executionId: string, plan: Plan, box: Box, pixelsMax: number, blobs: Blobs): Promise<Jpeg> {
  const plain = { edgePxMax: pixelsMax, turn: 0, contrast: false, grid: false, findings: [] } as const;
  const { bytes, width, height } = await rendered(executionId, plan, { boxes: [box], pixelsMax, ...plain }, blobs);
  return { bytes, width, height };
}

async function rendered(executionId: string, plan: Plan, view: View, blobs: Blobs): Promise<RenderedView> {
  const szi = await cachedSzi(blobs, keys.pyramid(executionId), plan);
  const finest = 1 / 2 ** plan.pyramidLevel;
  return await renderView((box, scale) => cutOut(szi, plan, box, Math.min(finest, scale)), view);
}
