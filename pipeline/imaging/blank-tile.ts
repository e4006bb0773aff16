// Tells whether a stored tile shows nothing at all. A tile with any mark is never blank; what JPEG has taken away no model can see.
import sharp from 'sharp';
import type { Jpeg } from '../ports.ts';

/** A uniform tile of quality 90 takes some 700 bytes of headers and 0.006 bytes a pixel (measured); three times that is worth a look. */
const BYTES_MAX = 1_024;
const BYTES_PER_PIXEL_MAX = 0.02;
/** Rounding may move a pixel of a uniform tile by one step either way. */
const SPREAD_MAX = 2;

/** Most tiles are known by the number of their bytes; only small ones are decoded, in some 5 ms. */
export async function isBlank({ bytes, width, height }: Jpeg): Promise<boolean> {
  if (bytes.length > BYTES_MAX + width * height * BYTES_PER_PIXEL_MAX) return false;
  const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
  return Array.from({ length: info.channels }, (_, channel) => channel).every((channel) =>
    isUniform(data, channel, info.channels),
  );
}

function isUniform(data: Uint8Array, channel: number, channels: number): boolean {
  let least = 255;
  let most = 0;
  for (let at = channel; at < data.length; at += channels) {
    const value = data[at] as number;
    if (value < least) least = value;
    if (value > most) most = value;
    if (most - least > SPREAD_MAX) return false;
  }
  return true;
}
