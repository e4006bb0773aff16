// Images small enough for a report: the overlay, a thumbnail, and crops around findings. Reads the pyramid and the stored copies.
import sharp, { type Sharp } from 'sharp';
import { at } from '../contract/at.ts';
import type { Box, Finding } from '../contract/schemas.ts';
import { withContext } from '../planning/geometry.ts';
import type { Plan } from '../planning/plan.ts';
import type { Jpeg } from '../ports.ts';
import { cutOut } from './cut-out.ts';
import { type Looks, type Overlay, withFindings } from './drawing/overlay.ts';
import type { Szi } from './szi/szi.ts';

/** Together 1,494,000 bytes with 60 crops, less than 2 MB of base64. */
const LIMITS = {
  overlay: { edgePx: 1_600, bytesMax: 600_000 },
  thumbnail: { edgePx: 480, bytesMax: 54_000 },
  crop: { edgePx: 360, bytesMax: 14_000 },
} as const;
/** The highest quality that is small enough wins. At the last one, the image is halved until it is. */
const QUALITIES = [80, 65, 50, 42, 35] as const;
/** mozjpeg's table of quantization makes files smaller without its search, which takes 5 times as long for crops. */
const SMALL_JPEG = { quantisationTable: 3 } as const;
const CROP_SHAPE = 4 / 3;

/** A smaller version without the legend, because a report has its own. */
export async function reportOverlay({ bytes, imageHeight }: Overlay): Promise<Jpeg> {
  const image = sharp(bytes);
  const { width } = await image.metadata();
  return await within(image.extract({ left: 0, top: 0, width, height: imageHeight }), LIMITS.overlay);
}

export async function reportThumbnail(overview: Uint8Array): Promise<Jpeg> {
  return await within(sharp(overview), LIMITS.thumbnail);
}

/** A finding with its surroundings, drawn in with its id. */
export async function reportCrop(
  szi: Szi,
  plan: Plan,
  { finding, colorOf }: { finding: Finding; colorOf: Looks['colorOf'] },
): Promise<Jpeg> {
  const box = shaped(withContext(finding.box, plan), plan);
  const finest = 1 / 2 ** plan.pyramidLevel;
  const scale = Math.min(finest, LIMITS.crop.edgePx / Math.max(box[2], box[3]));
  const { image } = await cutOut(szi, plan, box, scale);
  return await within(await withFindings(image, box, [finding], { nameOf: ({ id }) => id, colorOf }), LIMITS.crop);
}

/** Widened or heightened to the aspect ratio of all crops, within the image. */
function shaped([left, top, width, height]: Box, image: { width: number; height: number }): Box {
  const wide = Math.min(image.width, Math.max(width, Math.round(height * CROP_SHAPE)));
  const high = Math.min(image.height, Math.max(height, Math.round(width / CROP_SHAPE)));
  const shifted = (from: number, less: number, most: number) => Math.max(0, Math.min(Math.floor(from - less / 2), most));
  return [shifted(left, wide - width, image.width - wide), shifted(top, high - height, image.height - high), wide, high];
}

async function within(image: Sharp, { edgePx, bytesMax }: { edgePx: number; bytesMax: number }): Promise<Jpeg> {
  const fitting = { width: edgePx, height: edgePx, fit: 'inside', withoutEnlargement: true } as const;
  const { data, info } = await image
    .resize(fitting)
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const encoded = async (quality: number, side: number) => {
    const smaller = sharp(data, { raw: info }).resize({ ...fitting, width: side, height: side });
    return await smaller.jpeg({ ...SMALL_JPEG, quality }).toBuffer({ resolveWithObject: true });
  };
  let found: Awaited<ReturnType<typeof encoded>> | null = null;
  for (let from = 0, to: number = QUALITIES.length; from < to; ) {
    const middle = from === 0 ? 0 : Math.floor((from + to) / 2); // the highest one is enough for most
    const jpeg = await encoded(at(QUALITIES, middle), edgePx);
    if (jpeg.data.length <= bytesMax) [found, to] = [jpeg, middle];
    else from = middle + 1;
  }
  for (let side = edgePx; found === null; ) {
    side = Math.ceil(side / 2);
    const jpeg = await encoded(at(QUALITIES, QUALITIES.length - 1), side);
    if (jpeg.data.length <= bytesMax || side === 1) found = jpeg;
  }
  return { bytes: found.data, width: found.info.width, height: found.info.height };
}
