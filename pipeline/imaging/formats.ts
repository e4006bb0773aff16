// The image formats that are accepted, one row each, and those that are only named. Pure: knows the facts of a header and the first
// bytes, but does not read files.
// docs/limits.md is made of these figures by build/docs/limits-page.ts.

export interface Format {
  /** The libvips loader of this format. No other loader ever gets a file. */
  loader: string;
  /** Whether a file may be of this format, by its first bytes, each as one character. */
  begins(start: string): boolean;
  /** Whether a file is of this format, by what sharp reads from its header. */
  matches(header: { format: string; compression?: string | undefined }): boolean;
  /** What one of several images in a file is called. */
  unit: 'page' | 'frame';
  /** What the decoder holds in memory as a whole. */
  held(facts: DecodingFacts): DecoderCost;
}

export interface DecodingFacts {
  /** As stored, alpha included. */
  channels: number;
  bytesPerSample: number;
  /** Progressive, interlaced, or a JPEG in more than one scan. */
  interlaced: boolean;
  chromaSubsampling: string;
  /** EXIF; 1 is upright. */
  orientation: number;
}

export interface DecoderCost {
  /** The kind of image, for a sentence. */
  kind: string;
  bytesPerPixel: number;
}

/**
 * Extra bytes per pixel, measured on 80 megapixels as the peak RSS above that of a decoder that streams.
 * A progressive JPEG holds 2 bytes for each coefficient: 4:2:0 has 1.5 of them per pixel, 4:4:4 has 3, CMYK has 4.
 */
export const DECODER_BYTES_PER_PIXEL = {
  'progressive JPEG, gray': 2,
  'progressive JPEG, 4:2:0': 3,
  'progressive JPEG, 4:2:2': 4,
  'progressive JPEG, 4:4:4': 6,
  'progressive JPEG, CMYK': 8,
  'interlaced PNG': 3, // 8 bits and no alpha; measured 2.7
  WebP: 9, // measured 7.4 lossy, 8.9 lossless
  GIF: 5, // measured 4.9
  AVIF: 18, // measured 17.2
} as const;

const bytes = (hex: string) => String.fromCharCode(...(hex.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)));
const startsWith = (...hex: string[]) => {
  const starts = hex.map(bytes);
  return (start: string) => starts.some((one) => start.startsWith(one));
};
const text = (expression: RegExp) => (start: string) => expression.test(start);
const brand = (expression: RegExp) => (start: string) => start.startsWith('ftyp', 4) && expression.test(start.slice(8));
const isHeic = brand(/hei[cxms]|hev[cxms]/);

type HeldKind = keyof typeof DECODER_BYTES_PER_PIXEL;

const named = (name: string) => (header: { format: string }) => header.format === name;
const streams = (kind: string): DecoderCost => ({ kind, bytesPerPixel: 0 });
const held = (kind: HeldKind): DecoderCost => ({ kind, bytesPerPixel: DECODER_BYTES_PER_PIXEL[kind] });

export const FORMATS = {
  jpeg: {
    loader: 'VipsForeignLoadJpeg',
    begins: startsWith('ffd8'),
    matches: named('jpeg'),
    unit: 'page',
    held: (facts) => (facts.interlaced ? held(progressiveKind(facts)) : streams('JPEG')),
  },
  png: {
    loader: 'VipsForeignLoadPng',
    begins: startsWith('89504e470d0a1a0a'),
    matches: named('png'),
    unit: 'page',
    held: ({ interlaced, channels, bytesPerSample }) =>
      interlaced ? { kind: 'interlaced PNG', bytesPerPixel: channels * bytesPerSample } : streams('PNG'),
  },
  webp: {
    loader: 'VipsForeignLoadWebp',
    begins: text(/^RIFF[\s\S]{4}WEBP/),
    matches: named('webp'),
    unit: 'frame',
    held: () => held('WebP'),
  },
  tiff: {
    loader: 'VipsForeignLoadTiff',
    begins: startsWith('49492a00', '4d4d002a', '49492b00', '4d4d002b'), // the last two are BigTIFF
    matches: named('tiff'),
    unit: 'page',
    held: () => streams('TIFF'),
  },
  gif: {
    loader: 'VipsForeignLoadNsgif',
    begins: text(/^GIF8/),
    matches: named('gif'),
    unit: 'frame',
    held: () => held('GIF'),
  },
  avif: {
    loader: 'VipsForeignLoadHeif',
    // A file may name only the general brands that HEIC has, too.
    begins: (start) => brand(/avi[fs]|MA1[AB]/)(start) || (brand(/^(mif1|msf1)/)(start) && !isHeic(start)),
    // libheif recognizes several formats, but sharp contains only the decoder of AVIF.
    matches: ({ format, compression }) => format === 'heif' && compression === 'av1',
    unit: 'frame',
    held: () => held('AVIF'),
  },
} satisfies Record<string, Format>;

export type FormatName = keyof typeof FORMATS;

export interface HeaderFacts extends DecodingFacts {
  format: FormatName;
  /** Pixels of the upright image. */
  width: number;
  height: number;
}

/** What a decoder must hold as a whole to decode this image: nothing for formats that stream upright. */
export function decoderCost(facts: HeaderFacts): DecoderCost {
  const { kind, bytesPerPixel } = FORMATS[facts.format].held(facts);
  // Only a horizontal flip can be done row by row.
  const rotated = facts.orientation > 2 ? facts.channels * facts.bytesPerSample : 0;
  if (rotated === 0) return { kind, bytesPerPixel };
  return { kind: `${kind}, rotated by its orientation tag`, bytesPerPixel: bytesPerPixel + rotated };
}

function progressiveKind({ chromaSubsampling, channels }: DecodingFacts): HeldKind {
  if (channels === 1) return 'progressive JPEG, gray';
  if (channels === 4) return 'progressive JPEG, CMYK';
  if (chromaSubsampling === '4:2:0') return 'progressive JPEG, 4:2:0';
  return chromaSubsampling === '4:2:2' ? 'progressive JPEG, 4:2:2' : 'progressive JPEG, 4:4:4';
}

interface OtherFormat {
  /** With its article. */
  name: string;
  matches(start: string): boolean;
  /** What the caller can do. */
  advice: string;
}

/** Bytes at the beginning of a file that tell formats apart: an SVG may begin with a declaration and comments. */
export const FORMAT_BYTES = 512;

const magick = (extension: string) => `Convert it, for example with: magick in.${extension} out.png`;

/** The first that matches counts. */
const OTHER_FORMATS: readonly OtherFormat[] = [
  {
    name: 'a HEIC image',
    matches: isHeic,
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
    matches: startsWith('0000000c6a5020200d0a870a', 'ff4fff51'),
    advice: 'Convert it, for example with: gdal_translate -co COMPRESS=DEFLATE -co TILED=YES in.jp2 out.tif',
  },
  {
    name: 'a JPEG XL image',
    matches: startsWith('ff0a', '0000000c4a584c200d0a870a'),
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
    matches: (start) => start.startsWith('DICM', 128),
    advice: 'Convert it, for example with: dcm2img in.dcm out.png',
  },
  { name: 'a FITS file', matches: text(/^SIMPLE {2}=/), advice: 'Convert it, for example with: gdal_translate in.fits out.tif' },
  {
    name: 'an HDF5 or NetCDF file',
    matches: startsWith('894844460d0a1a0a', '43444601', '43444602', '43444605'),
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
    matches: startsWith('504b0304', '52617221', '377abcaf', '1f8b'),
    advice: 'Unpack it and send the image inside',
  },
  {
    name: 'a web page',
    matches: text(/^\s*(<!doctype html|<html)/i),
    advice: 'Send the image itself; a link to it may need a login',
  },
];

/** Why a file cannot be read as an image. `start` are its first FORMAT_BYTES bytes, each as one character. */
export function noImageSentence(start: string): string {
  const accepted = Object.keys(FORMATS).join(', ');
  const other = OTHER_FORMATS.find(({ matches }) => matches(start));
  if (other) return `The file is ${other.name}, which is not an accepted format (${accepted}). ${other.advice}.`;
  return `The file is not an image of an accepted format (${accepted}), or it is cut off. Check the file and its format.`;
}

/** Whether a file begins like one of an accepted format. If not, no decoder can read it. */
export function beginsAsAccepted(start: string): boolean {
  return Object.values(FORMATS).some(({ begins }) => begins(start));
}
