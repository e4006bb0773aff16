// The image formats that are accepted: one row each. Pure: knows the facts of a header, but does not read files.
// docs/limits.md is made of these figures by build/docs/limits-page.ts.

export interface Format {
  /** The libvips loader of this format. No other loader ever gets a file. */
  loader: string;
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

type HeldKind = keyof typeof DECODER_BYTES_PER_PIXEL;

const named = (name: string) => (header: { format: string }) => header.format === name;
const streams = (kind: string): DecoderCost => ({ kind, bytesPerPixel: 0 });
const held = (kind: HeldKind): DecoderCost => ({ kind, bytesPerPixel: DECODER_BYTES_PER_PIXEL[kind] });

export const FORMATS = {
  jpeg: {
    loader: 'VipsForeignLoadJpeg',
    matches: named('jpeg'),
    unit: 'page',
    held: (facts) => (facts.interlaced ? held(progressiveKind(facts)) : streams('JPEG')),
  },
  png: {
    loader: 'VipsForeignLoadPng',
    matches: named('png'),
    unit: 'page',
    held: ({ interlaced, channels, bytesPerSample }) =>
      interlaced ? { kind: 'interlaced PNG', bytesPerPixel: channels * bytesPerSample } : streams('PNG'),
  },
  webp: { loader: 'VipsForeignLoadWebp', matches: named('webp'), unit: 'frame', held: () => held('WebP') },
  tiff: { loader: 'VipsForeignLoadTiff', matches: named('tiff'), unit: 'page', held: () => streams('TIFF') },
  gif: { loader: 'VipsForeignLoadNsgif', matches: named('gif'), unit: 'frame', held: () => held('GIF') },
  avif: {
    loader: 'VipsForeignLoadHeif',
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
