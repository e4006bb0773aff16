// The result of analyzing one image with one setting, as an evaluation keeps it.
import { z } from 'zod';
import { Finding, FindingsDocument } from '../../pipeline/contract/schemas.ts';

export const AnalyzedImage = z.object({
  /** `null` if the analysis was interrupted in between. */
  seconds: z.number().nullable(),
  tiles: z.number(),
  /** Tiles without a result. */
  missingTiles: z.number(),
  /** `null` if it is unknown. */
  costUsd: z.number().nullable(),
  image: FindingsDocument.shape.image.pick({ width: true, height: true }),
  findings: z.array(Finding.pick({ label: true, box: true, score: true, text: true })),
});
export type AnalyzedImage = z.infer<typeof AnalyzedImage>;

export interface FailedImage {
  /** One sentence. */
  reason: string;
}

export type ImageResult = AnalyzedImage | FailedImage;
