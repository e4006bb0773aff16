// Cuts one box out of an analyzed image, as a JPEG that fits into an answer.
import { keys } from '../contract/keys.ts';
import type { Box, Finding } from '../contract/schemas.ts';
import type { Plan } from '../planning/plan.ts';
import type { Blobs, Jpeg } from '../ports.ts';
import { cutOut } from './cut-out.ts';
import { withFindings } from './overlay.ts';
import { cachedSzi } from './szi/szi.ts';

export interface View {
  executionId: string;
  plan: Plan;
  /** In pixels of the full image, inside it. */
  box: Box;
  /** Limit of the answer. */
  pixelsMax: number;
  /** Drawn on the view, with their ids and labels. */
  findings: readonly Finding[];
}

/** Reads the pyramid's directory once per process, and the runs of tiles of the matching level that meet the box. */
export async function viewOf({ executionId, plan, box, pixelsMax, findings }: View, blobs: Blobs): Promise<Jpeg> {
  const szi = await cachedSzi(blobs, keys.pyramid(executionId), plan);
  const finest = 1 / 2 ** plan.pyramidLevel;
  const image = await cutOut(szi, plan, box, Math.min(finest, scaleWithin(pixelsMax, box)));
  const drawn = findings.length === 0 ? image : await withFindings(image, box, findings, ({ id, label }) => `${id} ${label}`);
  const { data, info } = await drawn.jpeg({ quality: 85 }).toBuffer({ resolveWithObject: true });
  return { bytes: data, width: info.width, height: info.height };
}

/** Rounds both sides down to whole pixels. A sliver keeps one pixel. */
function scaleWithin(pixelsMax: number, [, , width, height]: Box): number {
  const scale = Math.min(1, Math.sqrt(pixelsMax / (width * height)), pixelsMax / Math.max(width, height));
  return Math.min(...[width, height].map((side) => Math.max(1, Math.floor(side * scale)) / side));
}
