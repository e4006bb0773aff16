// The largest image that is accepted, and the resources it may use. pipeline/config.ts reads the settings.

export interface ImageLimits {
  pixelsMax: number;
  fileBytesMax: number;
  /** Memory of a decoder that cannot stream, and of the tile rows in progress. */
  workingBytesMax: number;
  decodeSecondsMax: number;
  /** Temporary disk space. */
  scratchBytesMax: number;
}

export const DEFAULT_LIMITS: ImageLimits = {
  /** 44,721 squared. */
  pixelsMax: 2_000_000_000,
  /** 2,000,000,000 pixels x 3 bytes: the largest accepted image as an uncompressed TIFF. */
  fileBytesMax: 6_000_000_000,
  /** The decoder and the tile rows in progress may each use half of a 3 GB process. */
  workingBytesMax: 1_500_000_000,
  /** 2 gigapixels of PNG take 34 s on one core (17 s a gigapixel, measured); nearly 9 times that for a slower or busy machine. */
  decodeSecondsMax: 300,
  /** The image beside its pyramid: 6 GB, and 2,000,000,000 pixels x 4/3 for all levels x 1.3 for the overlap x 1 byte. */
  scratchBytesMax: 10_000_000_000,
};
