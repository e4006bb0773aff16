// Sentences for files that cannot be analyzed: other formats by their first bytes, TIFFs by their tags. Pure.
import { FORMATS } from './formats.ts';
import type { TiffDirectory } from './tiff-tags.ts';

interface OtherFormat {
  /** With its article. */
  name: string;
  matches(start: Buffer): boolean;
  /** What the caller can do. */
  advice: string;
}

const startsWith = (hex: string) => {
  const bytes = Buffer.from(hex, 'hex');
  return (start: Buffer) => start.subarray(0, bytes.length).equals(bytes);
};
const text = (expression: RegExp) => (start: Buffer) => expression.test(start.toString('latin1'));
const brand = (expression: RegExp) => (start: Buffer) =>
  start.toString('latin1', 4, 8) === 'ftyp' && expression.test(start.toString('latin1', 8));
const magick = (extension: string) => `Convert it, for example with: magick in.${extension} out.png`;

/** Bytes at the beginning of a file that tell formats apart: an SVG may begin with a declaration and comments. */
export const FORMAT_BYTES = 512;

/** The first that matches counts. */
const OTHER_FORMATS: readonly OtherFormat[] = [
  {
    name: 'a HEIC image',
    matches: brand(/hei[cxms]|hev[cxms]/),
    advice:
      'Convert it, for example with: magick in.heic out.jpg (an iPhone saves JPEG with the camera setting "Most Compatible")',
  },
  {
    name: 'a video',
    matches: brand(/^(isom|iso[2-9]|mp4|avc1|qt {2}|M4V|3gp)/),
    advice: 'Send one of its frames as a JPEG or PNG',
  },
  { name: 'a CR3 raw file', matches: brand(/^crx /), advice: 'Develop it to a JPEG or TIFF, for example with darktable' },
  { name: 'a BMP image', matches: startsWith('424d'), advice: magick('bmp') },
  {
    name: 'a JPEG 2000 image',
    matches: (start) => startsWith('0000000c6a5020200d0a870a')(start) || startsWith('ff4fff51')(start),
    advice: 'Convert it, for example with: gdal_translate -co COMPRESS=DEFLATE -co TILED=YES in.jp2 out.tif',
  },
  {
    name: 'a JPEG XL image',
    matches: (start) => startsWith('ff0a')(start) || startsWith('0000000c4a584c200d0a870a')(start),
    advice: 'Convert it, for example with: djxl in.jxl out.png',
  },
  {
    name: 'a PDF document',
    matches: text(/%PDF-/),
    advice: 'Convert one page, for example with: pdftoppm -png -r 300 -f 1 -l 1 in.pdf out',
  },
  {
    name: 'a PostScript file',
    matches: text(/^(%!PS|\xc5\xd0\xd3\xc6)/),
    advice: 'Convert it, for example with: gs -sDEVICE=png16m -r300 -o out.png in.ps',
  },
  {
    name: 'an SVG drawing',
    matches: text(/^\s*(<\?xml[^>]*>\s*)?(<!--[\s\S]*?-->\s*|<!DOCTYPE[^>]*>\s*|<!DOCTYPE[\s\S]*?\]>\s*)*<svg[\s>]/i),
    advice: 'Convert it, for example with: rsvg-convert --width 4000 in.svg -o out.png',
  },
  { name: 'a Photoshop file', matches: text(/^8BPS/), advice: "Convert it, for example with: magick 'in.psd[0]' out.png" },
  { name: 'an OpenEXR image', matches: startsWith('762f3101'), advice: magick('exr') },
  { name: 'a Radiance HDR image', matches: text(/^#\?(RADIANCE|RGBE)/), advice: magick('hdr') },
  {
    name: 'a DICOM file',
    matches: (start) => start.toString('latin1', 128, 132) === 'DICM',
    advice: 'Convert it, for example with: dcm2img in.dcm out.png',
  },
  { name: 'a FITS file', matches: text(/^SIMPLE {2}=/), advice: 'Convert it, for example with: gdal_translate in.fits out.tif' },
  {
    name: 'an HDF5 or NetCDF file',
    matches: (start) =>
      startsWith('894844460d0a1a0a')(start) || ['43444601', '43444602', '43444605'].some((hex) => startsWith(hex)(start)),
    advice: 'Convert one variable, for example with: gdal_translate NETCDF:"in.nc":variable out.tif',
  },
  { name: 'a Windows icon', matches: startsWith('00000100'), advice: magick('ico') },
  { name: 'a DirectDraw surface', matches: text(/^DDS /), advice: magick('dds') },
  { name: 'a QOI image', matches: text(/^qoif/), advice: magick('qoi') },
  { name: 'a Netpbm image', matches: text(/^P[1-7][\s#]/), advice: magick('ppm') },
  {
    name: 'a DjVu document',
    matches: text(/^AT&TFORM/),
    advice: 'Convert one page, for example with: ddjvu -format=tiff -page=1 in.djvu out.tif',
  },
  { name: 'a GIMP file', matches: text(/^gimp xcf/), advice: 'Export it as PNG' },
  {
    name: 'an archive',
    matches: (start) => ['504b0304', '52617221', '377abcaf', '1f8b'].some((hex) => startsWith(hex)(start)),
    advice: 'Unpack it and send the image inside',
  },
  {
    name: 'a web page',
    matches: text(/^\s*(<!doctype html|<html)/i),
    advice: 'Send the image itself; a link to it may need a login',
  },
];

/** Why a file cannot be read as an image. `start` are its first FORMAT_BYTES bytes. */
export function noImageSentence(start: Buffer): string {
  const accepted = Object.keys(FORMATS).join(', ');
  const other = OTHER_FORMATS.find(({ matches }) => matches(start));
  if (other) return `The file is ${other.name}, which is not an accepted format (${accepted}). ${other.advice}.`;
  return `The file is not an image of an accepted format (${accepted}), or only the beginning of one. Check the file and its format.`;
}

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
