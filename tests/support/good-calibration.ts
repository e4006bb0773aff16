// The calibration of a model that sees every mark.
import type { Calibration } from '../../pipeline/calibration/calibration-document.ts';

type Measured = Omit<Calibration, 'model' | 'coordinates' | 'seen_longer_px'>;

export const GOOD_CALIBRATION: Measured = {
  mean_error_percent: 0.2,
  worst_error_percent: 1,
  offset_percent: { x: 0, y: 0 },
  scale: { x: 1, y: 1 },
  marks: 96,
  marks_missed: 0,
  fit_for_boxes: true,
  calibrated_at: '2026-11-28T00:00:00.000Z',
};
