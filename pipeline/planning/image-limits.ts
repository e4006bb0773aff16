// The largest image that is taken, and what it may cost. Settings: pipeline/config.ts.

export interface ImageLimits {
  pixelsMax: number;
  fileBytesMax: number;
  /** Memory of a decoder that cannot stream, and of rows of tiles on their way. */
  workingBytesMax: number;
  decodeSecondsMax: number;
  /** Temporary disk. */
  scratchBytesMax: number;
}

export const DEFAULT_LIMITS: ImageLimits = {
  /** 44,721 squared. */
  pixelsMax: 2_000_000_000,
  /** 2,000,000,000 pixels x 3 bytes: the largest image that is taken, as a TIFF that packs nothing. */
  fileBytesMax: 6_000_000_000,
  /** What a decoder may hold, and what rows of tiles on their way may: each half of a process of 3 GB. */
  workingBytesMax: 1_500_000_000,
  /** 2 gigapixels of PNG are 34 s of one core (17 s a gigapixel, measured); nearly 9 times that for a slower or busy machine. */
  decodeSecondsMax: 300,
  /** The image and its pyramid side by side: 6 GB and 2,000,000,000 pixels x 4/3 of all levels x 1.3 of overlap x 1 byte. */
  scratchBytesMax: 10_000_000_000,
};
