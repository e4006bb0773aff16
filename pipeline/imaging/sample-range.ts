// How much of 16 bits an image uses: scanners and cameras store 10, 12 or 14 bits in them, which would come out nearly black.
import sharp from 'sharp';
import { type ImageFile, RANGE_COPY_EDGE_PX } from './decoder-limits.ts';

const SAMPLE_BITS = 16;
/** A colour profile's rounding may lift 4,095 to 4,100; a fiftieth more saturates and is not seen. */
const ABOVE_FULL = 1.02;

/**
 * The factor that brings the highest sample's power of two up to 16 bits; 1 for images of 8 bits. Goes by a copy, exact up to
 * its size: in larger images single pixels far brighter than everything around them may saturate.
 */
export async function stretchOf({ path, page, limits }: ImageFile): Promise<number> {
  const input = sharp(path, { limitInputPixels: limits.pixelsMax, failOn: 'warning', page });
  const { depth } = await input.metadata();
  if (depth !== 'ushort') return 1;
  const { data, info } = await input
    .timeout({ seconds: limits.decodeSecondsMax })
    // The linear kernel never overshoots: nothing comes out brighter than what is there.
    .resize(RANGE_COPY_EDGE_PX, RANGE_COPY_EDGE_PX, { fit: 'inside', withoutEnlargement: true, kernel: 'linear' })
    .removeAlpha()
    .toColourspace('rgb16')
    .raw({ depth: 'ushort' })
    .toBuffer({ resolveWithObject: true });
  const samples = new Uint16Array(data.buffer, data.byteOffset, info.width * info.height * info.channels);
  const highest = samples.reduce((most, sample) => Math.max(most, sample), 0);
  const bits = highest === 0 ? SAMPLE_BITS : Math.max(1, Math.ceil(Math.log2((highest + 1) / ABOVE_FULL)));
  return (2 ** SAMPLE_BITS - 1) / (2 ** bits - 1);
}
