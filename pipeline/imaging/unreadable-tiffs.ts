// Finds out from the tags of a TIFF page why it cannot be decoded. Pure.
import type { TiffDirectory } from './tiff-tags.ts';

/** By the number in tag 259. sharp's libtiff has no decoder for these. */
const CODECS: Readonly<Record<number, string>> = {
  6: 'old-style JPEG',
  32809: 'ThunderScan',
  33003: 'JPEG 2000',
  33004: 'JPEG 2000',
  33005: 'JPEG 2000',
  34661: 'JBIG',
  34676: 'SGI LogL',
  34677: 'SGI LogLuv',
  34712: 'JPEG 2000',
  34887: 'LERC',
  34892: 'lossy JPEG of a DNG',
  34925: 'LZMA',
  50000: 'ZSTD',
  50002: 'JPEG XL',
  52546: 'JPEG XL',
};

/** libtiff reports such a page as an error even when it only passes it. */
export function hasUnknownCodec({ compression }: TiffDirectory): boolean {
  return CODECS[compression] !== undefined;
}

const GDAL = 'gdal_translate -co COMPRESS=DEFLATE -co INTERLEAVE=PIXEL -co TILED=YES';
const converted = (options = '') => `Convert it, for example with: ${GDAL}${options} in.tif out.tif`;

/** Why a page of a TIFF cannot be decoded; `null` if its tags are within what libvips reads. */
export function unreadableTiff(directory: TiffDirectory): string | null {
  const {
    subfileType,
    hasSubDirectories,
    compression,
    isPlanar,
    isTiled,
    samplesPerPixel,
    sampleFormat,
    bitsPerSample,
    photometric,
  } = directory;
  const codec = CODECS[compression];
  if (codec) {
    const convert = compression === 6 ? 'Convert it, for example with: magick in.tif -compress LZW out.tif' : converted();
    return `The TIFF is compressed with ${codec}, which cannot be decoded here. ${convert}`;
  }
  // A DNG, NEF or ARW begins with a thumbnail, which would be analyzed instead of the photo.
  const isThumbnail = (subfileType & 1) !== 0 && hasSubDirectories;
  if (photometric === 32_803 || photometric === 34_892 || isThumbnail) {
    return 'The TIFF holds raw data of a camera, which is not supported. Develop it to a JPEG or TIFF, for example with darktable.';
  }
  if (isPlanar && isTiled && samplesPerPixel > 1) {
    return `The TIFF stores each band in tiles of its own (INTERLEAVE=BAND), which cannot be decoded here. ${converted()}`;
  }
  if (sampleFormat === 5 || sampleFormat === 6) {
    return (
      'The TIFF has complex samples, which are not supported. Save their magnitude, for example with: ' +
      'gdal_calc.py -A in.tif --calc="abs(A)" --type=Float32 --outfile=out.tif'
    );
  }
  if (bitsPerSample === 64) {
    const kind = sampleFormat === 3 ? '64-bit float' : '64-bit integer';
    return `The TIFF has ${kind} samples, which are not supported. ${converted(' -ot Float32')}`;
  }
  if (sampleFormat === 3 && bitsPerSample === 16) {
    return `The TIFF has 16-bit float samples, which are not supported. ${converted(' -ot Float32 -co NBITS=32')}`;
  }
  if (photometric === 8 && bitsPerSample === 8) {
    return 'The TIFF has 8-bit CIELAB samples, which are not supported. Convert it, for example with: magick in.tif -colorspace sRGB out.tif';
  }
  if (![1, 2, 4, 8, 16, 32].includes(bitsPerSample)) {
    const convert = `${converted(' -ot UInt16 -co NBITS=16')}`;
    return `The TIFF has ${bitsPerSample} bits per sample, which is not supported. ${convert}`;
  }
  return null;
}
