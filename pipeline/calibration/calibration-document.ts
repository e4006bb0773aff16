// `calibration/<model>.json`: what a calibration measured of one model. Field names are stored.
import { z } from 'zod';
import { coordinatesNames } from '../providers/coordinates.ts';

/** Charts have about 1,000 px, and no model that finds their marks shrinks them below a tenth. */
const SEEN_PX_MIN = 32;

const PerSide = z.object({ x: z.number(), y: z.number() });

export const Calibration = z.object({
  model: z.string(),
  /** A name of providers/coordinates.ts. */
  coordinates: z.enum(coordinatesNames()),
  /** The longer edge to which the model shrinks images, if its pixels say so. */
  seen_longer_px: z.number().int().min(SEEN_PX_MIN).nullable(),
  /** Percent of the side: the mean over all marks of the largest error of the four edges. */
  mean_error_percent: z.number(),
  worst_error_percent: z.number(),
  offset_percent: PerSide,
  /** 1 is right. */
  scale: PerSide,
  marks: z.number().int(),
  marks_missed: z.number().int(),
  fit_for_boxes: z.boolean(),
  /** ISO 8601. */
  calibrated_at: z.string(),
});
export type Calibration = z.infer<typeof Calibration>;
