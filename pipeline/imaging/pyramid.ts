// One decode pass from an image to an SZI: a Deep Zoom pyramid of JPEG tiles, stored in a zip. Knows nothing of executions.
import type { Plan } from '../planning/plan.ts';
import type { ImageFile } from './decoder-limits.ts';
import { damagedImage, uprightImage } from './image-file.ts';

/** The folder inside the zip, and so a part of every entry's name. */
export const PYRAMID_NAME = 'pyramid';

// Optimised Huffman tables cost 1.7 times the whole pass for 4 % fewer bytes (measured), so not.
const TILE_JPEG = { quality: 90, optimiseCoding: false } as const;

/** Writes every level from the plan's down to one pixel. A failure leaves a part of the file behind: publish only what succeeded. */
export async function writePyramid(
  file: ImageFile,
  sziPath: string,
  { stridePx, marginPx, pyramidLevel }: Pick<Plan, 'stridePx' | 'marginPx' | 'pyramidLevel'>,
): Promise<void> {
  const layout = { layout: 'dz', container: 'zip', depth: 'onepixel', basename: PYRAMID_NAME } as const;
  try {
    const image = await uprightImage(file, pyramidLevel);
    await image
      .jpeg(TILE_JPEG)
      .tile({ ...layout, size: stridePx, overlap: marginPx })
      .toFile(sziPath);
  } catch (cause) {
    throw damagedImage(cause, file);
  }
}
