// Whether a stored tile has a single color. A tile with any mark is never blank; what JPEG removed, no model can see either.
import sharp from 'sharp';
import type { Jpeg } from '../ports.ts';

/** A uniform tile of quality 90 has about 700 bytes of headers and 0.006 bytes per pixel (measured). Up to three times that is checked. */
const BYTES_MAX = 1_024;
const BYTES_PER_PIXEL_MAX = 0.02;
/** Rounding may move a pixel of a uniform tile by one step either way. */
const SPREAD_MAX = 2;

/** Most tiles are too large in bytes to be blank. Only small ones are decoded, in about 5 ms. */
export async function isBlank({ bytes, width, height }: Jpeg): Promise<boolean> {
  if (bytes.length > BYTES_MAX + width * height * BYTES_PER_PIXEL_MAX) return false;
  const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
  const channels = Array.from({ length: info.channels }, (_, channel) => channel);
  return channels.every((channel) => isUniform(data, channel, info.channels));
}

function isUniform(data: Buffer, channel: number, channels: number): boolean {
  let least = 255;
  let most = 0;
  for (let offset = channel; offset < data.length; offset += channels) {
    const value = data.readUInt8(offset);
    if (value < least) least = value;
    if (value > most) most = value;
    if (most - least > SPREAD_MAX) return false;
  }
  return true;
}
