// Fits a tile into what a model accepts, and cuts it in parts. Sharp is loaded on first use.
import { UserError } from '../contract/errors.ts';
import type { Box } from '../contract/schemas.ts';
import type { Jpeg } from '../ports.ts';

/** As the tiles of the pyramid are encoded; the lower ones are used where the bytes would be too many. */
const QUALITIES = [90, 80, 65, 50] as const;

export interface JpegLimits {
  /** Pixels, in the shape of the image. */
  width: number;
  height: number;
  bytesMax: number;
}

/**
 * The image unchanged if it is within the limits; otherwise resized to `width` x `height` and compressed until it is. Throws a UserError if
 * no quality is small enough.
 */
export async function fitJpeg(image: Jpeg, { width, height, bytesMax }: JpegLimits): Promise<Jpeg> {
  if (image.width === width && image.height === height && image.bytes.length <= bytesMax) return image;
  const { default: sharp } = await import('sharp');
  for (const quality of QUALITIES) {
    const bytes = await sharp(image.bytes).resize(width, height, { fit: 'fill' }).jpeg({ quality }).toBuffer();
    if (bytes.length <= bytesMax) return { bytes, width, height };
  }
  throw new UserError(
    `An image of ${width} x ${height} pixels needs more than the ${bytesMax} bytes that the model accepts. Use a smaller tile_size.`,
  );
}

/** The box, in whole pixels of the image. */
export async function cutJpeg(image: Jpeg, [left, top, width, height]: Box): Promise<Jpeg> {
  const { default: sharp } = await import('sharp');
  const bytes = await sharp(image.bytes).extract({ left, top, width, height }).jpeg({ quality: QUALITIES[0] }).toBuffer();
  return { bytes, width, height };
}

const PLAIN_PX = 64; // some models refuse sides below 28 px

/** A gray image that no service has a reason to refuse. */
export async function plainJpeg(): Promise<Jpeg> {
  const { default: sharp } = await import('sharp');
  const grey = { width: PLAIN_PX, height: PLAIN_PX, channels: 3, background: '#808080' } as const;
  return { bytes: await sharp({ create: grey }).jpeg().toBuffer(), width: PLAIN_PX, height: PLAIN_PX };
}
