// Images drawn on the spot, and their pyramids.
import { join } from 'node:path';
import sharp from 'sharp';
import type { AnalysisRequest } from '../../pipeline/contract/schemas.ts';
import { readHeader } from '../../pipeline/imaging/image-reader.ts';
import { writePyramid } from '../../pipeline/imaging/pyramid.ts';
import { DEFAULT_LIMITS } from '../../pipeline/planning/image-limits.ts';
import { type Plan, planTiles } from '../../pipeline/planning/plan.ts';
import type { Blobs } from '../../pipeline/ports.ts';
import { fsBlobs } from '../../pipeline/storage/folder-blobs.ts';
import { temporaryFolder } from './folder.ts';
import { requestFor } from './pipeline-run.ts';

/** Within the usual limits, at most 100 megapixels. */
export const imageIn = (path: string) => ({ path, page: 0, limits: { ...DEFAULT_LIMITS, pixelsMax: 100_000_000 } });
const RED = { r: 255, g: 0, b: 0 };

/** A gray image with one red square. */
export async function drawImage(
  path: string,
  width: number,
  height: number,
  square: { left: number; top: number; edge: number },
  orientation = 1,
): Promise<void> {
  const red = await sharp({ create: { width: square.edge, height: square.edge, channels: 3, background: RED } })
    .png()
    .toBuffer();
  await sharp({ create: { width, height, channels: 3, background: '#808080' } })
    .composite([{ input: red, left: square.left, top: square.top }])
    .withMetadata({ orientation })
    .toFile(path);
}

/** Its pyramid is the object `pyramid.szi`. */
export async function pyramidOf(
  path: string,
  wishes: Partial<AnalysisRequest['plan']> = {},
): Promise<{ blobs: Blobs; plan: Plan }> {
  const folder = await temporaryFolder();
  const { width, height } = await readHeader(imageIn(path));
  const plan = planTiles({ width, height }, { ...requestFor(path).plan, ...wishes }, { edgePx: 256, overlapPx: 64 });
  await writePyramid(imageIn(path), join(folder, 'pyramid.szi'), plan);
  return { blobs: fsBlobs(folder), plan };
}

export const isRed = (data: Buffer, width: number, x: number, y: number) => {
  const at = (y * width + x) * 3;
  return (data[at] ?? 0) > 200 && (data[at + 1] ?? 255) < 60;
};
