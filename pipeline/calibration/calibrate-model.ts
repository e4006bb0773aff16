// The only step of a calibration: asks the model for the marks of charts, and stores what was measured for all later runs.
import { z } from 'zod';
import { UserError } from '../contract/errors.ts';
import { ModelId } from '../contract/schemas.ts';
import { writeDocument } from '../documents.ts';
import type { PipelineDeps } from '../ports.ts';
import { profileOf } from '../providers/profile-of.ts';
import { stepDocuments } from '../step-documents.ts';
import { type CalibrationResult, calibrate, documentOf, type OnAsk } from './calibrate.ts';
import type { Calibration } from './calibration-document.ts';

/** The input of an execution that calibrates a model: docs/models.md. */
export const CalibrationRequest = z.object({ kind: z.literal('calibrate'), model: ModelId });
export type CalibrationRequest = z.infer<typeof CalibrationRequest>;

/** Stored only if the model is fit for boxes: an unfit one would be asked in numbers that mean nothing. */
export async function calibrateModel(
  model: ModelId,
  { vision, blobs, clock }: Pick<PipelineDeps, 'vision' | 'blobs' | 'clock'>,
  onAsk?: OnAsk,
): Promise<Calibration & Pick<CalibrationResult, 'usage'>> {
  const result = await calibrate(vision, model, profileOf(model), onAsk);
  const document = documentOf(model, result, clock.now());
  if (!document) {
    throw new UserError(
      `The model ${model} found none of the marks of the chart. It may not accept images; choose a model with vision.`,
    );
  }
  if (document.fit_for_boxes) await writeDocument(stepDocuments.calibration(model), document, blobs);
  return { ...document, usage: result.usage };
}
