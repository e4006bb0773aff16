// Computes how far a language model shrinks an image, and how many tokens it counts for it. Sides in pixels. Pure.

export interface ImageSize {
  width: number;
  height: number;
}

export interface ImageIntake {
  /** The size of the image as the model sees it. */
  seen(image: ImageSize): ImageSize;
  /** Input tokens of the image alone. */
  tokens(image: ImageSize): number;
}

/** Patches of a fixed size. The image is shrunk, its shape kept, until both its longer edge and the number of its patches fit. */
export function patches(of: {
  edgePx: number;
  patchesMax?: number;
  longerPxMax?: number;
  tokensPerPatch?: number;
  /** Tokens for each row of patches, such as the row breaks of Pixtral. */
  tokensPerRow?: number;
  /** Sides are rounded to whole patches: Qwen2.5-VL. */
  wholePatches?: boolean;
}): ImageIntake {
  const { edgePx, patchesMax = Number.POSITIVE_INFINITY, longerPxMax = Number.POSITIVE_INFINITY, tokensPerPatch = 1 } = of;
  const along = (sidePx: number) => Math.ceil(sidePx / edgePx);
  const whole = (sidePx: number) => Math.max(1, Math.round(sidePx / edgePx)) * edgePx;
  const fits = ({ width, height }: ImageSize) =>
    Math.max(width, height) <= longerPxMax && along(width) * along(height) <= patchesMax;
  const seen = (image: ImageSize): ImageSize => {
    const { width, height } = largestThat(fits, image);
    return of.wholePatches ? { width: whole(width), height: whole(height) } : { width, height };
  };
  return {
    seen,
    tokens(image) {
      const { width, height } = seen(image);
      return Math.ceil(along(width) * along(height) * tokensPerPatch) + (of.tokensPerRow ?? 0) * along(height);
    },
  };
}

/** Squares of 512 px after the image is shrunk to 2,048 px and its shorter edge to 768 px: OpenAI's models up to GPT-5.1. */
export function squares512({ base, each }: { base: number; each: number }): ImageIntake {
  const seen = (image: ImageSize) => scaled(image, Math.min(1, 2_048 / longer(image), 768 / shorter(image)));
  return {
    seen,
    tokens(image) {
      const { width, height } = seen(image);
      return base + each * Math.ceil(width / 512) * Math.ceil(height / 512);
    },
  };
}

/** Squares of `edgePx`, at most `squaresMax`: a larger image is shrunk. Llama. */
export function squares(of: { edgePx: number; squaresMax: number; each: number; whenSeveral?: number }): ImageIntake {
  const count = ({ width, height }: ImageSize) => Math.ceil(width / of.edgePx) * Math.ceil(height / of.edgePx);
  const seen = (image: ImageSize) => largestThat((size) => count(size) <= of.squaresMax, image);
  return {
    seen,
    tokens(image) {
      const squaresUsed = count(seen(image));
      return squaresUsed * of.each + (squaresUsed > 1 ? (of.whenSeveral ?? 0) : 0);
    },
  };
}

/** Crops of 256 to 768 px, each 258 tokens; one for an image of at most 384 px: Gemini 2. */
export const crops258: ImageIntake = {
  seen: (image) => image,
  tokens({ width, height }) {
    if (Math.max(width, height) <= 384) return 258;
    const cropPx = Math.min(768, Math.max(256, Math.floor(Math.min(width, height) / 1.5)));
    return 258 * Math.ceil(width / cropPx) * Math.ceil(height / cropPx);
  },
};

/** The same for every image, which is shrunk to a square of `edgePx`: Gemma. */
export function fixed({ tokens, edgePx }: { tokens: number; edgePx: number }): ImageIntake {
  return { seen: (image) => scaled(image, Math.min(1, edgePx / longer(image))), tokens: () => tokens };
}

/** By the area: an approximation for models whose makers publish examples only. */
export function byArea({ pixelsPerToken, longerPxMax }: { pixelsPerToken: number; longerPxMax: number }): ImageIntake {
  const seen = (image: ImageSize) => scaled(image, Math.min(1, longerPxMax / longer(image)));
  return {
    seen,
    tokens(image) {
      const { width, height } = seen(image);
      return Math.ceil((width * height) / pixelsPerToken);
    },
  };
}

const longer = ({ width, height }: ImageSize) => Math.max(width, height);
const shorter = ({ width, height }: ImageSize) => Math.min(width, height);

function scaled({ width, height }: ImageSize, scale: number): ImageSize {
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** The largest size of the same shape that fits, by its longer edge. A single pixel always fits. */
function largestThat(fits: (size: ImageSize) => boolean, image: ImageSize): ImageSize {
  if (fits(image)) return image;
  const longerPx = longer(image);
  let [fitting, tooLarge] = [1, longerPx];
  while (tooLarge - fitting > 1) {
    const middle = Math.floor((fitting + tooLarge) / 2);
    if (fits(scaled(image, middle / longerPx))) fitting = middle;
    else tooLarge = middle;
  }
  return scaled(image, fitting / longerPx);
}
