// Calibrates a model: asks for the marks of two charts, in one convention after another, until its answers fit.
import { AnswerError, UserError } from '../contract/errors.ts';
import type { ModelId, Usage } from '../contract/schemas.ts';
import { totalUsage } from '../contract/usage.ts';
import type { Vision } from '../ports.ts';
import {
  type Coordinates,
  coordinatesName,
  coordinatesNamed,
  coordinatesNames,
  PIXELS,
  THOUSANDTHS,
} from '../providers/coordinates.ts';
import type { ModelProfile } from '../providers/model-profiles.ts';
import type { Calibration } from './calibration-document.ts';
import { chartsFor } from './chart.ts';
import { drawChart } from './draw-chart.ts';
import { type Measured, measure } from './measure.ts';

const LOOK_FOR =
  'every colored rectangle; each has a code of a letter and a digit written on it, which is both its label and its text';

/** Asked in this many, which are the common ones: a model that saw no marks then sees none in the other nine. */
const COMMON_CONVENTIONS = 3;
/** A share of the side. Boxes at random places are off by 43 % of it. */
const GUESS_ERROR_PERCENT = 25;

export interface CalibrationResult {
  /** `null` if the model found no mark in any convention. */
  measured: Measured | null;
  /** The conventions in which it was asked, in this order. */
  asked: Coordinates[];
  usage: Usage;
}

/** Called before the model is asked for both charts in a convention; `before`: in how many it was asked already. */
export type OnAsk = (coordinates: Coordinates, before: number) => void;

/**
 * Asks in the convention of the profile. If the answers are in another one or too far off, asks in that one, then in the common ones, then
 * in the rest, until one fits, or until the model turns out to see no marks. Throws a UserError for a model whose boxes have a fixed convention.
 */
export async function calibrate(
  vision: Vision,
  model: ModelId,
  profile: ModelProfile,
  onAsk: OnAsk = () => {},
): Promise<CalibrationResult> {
  const charts = await Promise.all(
    chartsFor(profile.tileEdgePx).map(async (chart) => ({ chart, image: await drawChart(chart) })),
  );
  const asked: Coordinates[] = [];
  const usages: Usage[] = [];
  const ask = async (coordinates: Coordinates): Promise<Measured | null> => {
    if (!vision.locate) throw new UserError(`The model ${model} has one convention for boxes: it needs no calibration.`);
    onAsk(coordinates, asked.length);
    asked.push(coordinates);
    const answers = [];
    for (const { chart, image } of charts) {
      const { marks, usage } = await vision.locate(model, image, { coordinates, lookFor: LOOK_FOR });
      usages.push(usage);
      answers.push({ chart, seen: marks, asked: coordinates });
    }
    return measure(answers);
  };
  const wasAsked = (coordinates: Coordinates) => asked.some((one) => coordinatesName(one) === coordinatesName(coordinates));
  let best = await ask(profile.coordinates);
  const others = [...(best ? [best.coordinates] : []), THOUSANDTHS, PIXELS, ...coordinatesNames().map(coordinatesNamed)];
  for (const coordinates of others) {
    if (best?.isFit && wasAsked(best.coordinates)) break;
    if (asked.length >= COMMON_CONVENTIONS && isGuess(best)) break;
    if (wasAsked(coordinates)) continue;
    best = better(best, await ask(coordinates).catch((error: unknown) => noAnswer(error, usages)));
  }
  return { measured: best, asked, usage: totalUsage(usages) };
}

/** Fewer than half of the marks by their code, or places that random boxes would have, too. */
function isGuess(best: Measured | null): boolean {
  return best === null || best.found < best.missed || best.meanError > GUESS_ERROR_PERCENT;
}

/** A model may have no usable answer in numbers that it was not trained on. That ends no calibration. */
function noAnswer(error: unknown, usages: Usage[]): null {
  if (!(error instanceof AnswerError)) throw error;
  usages.push(error.paid);
  return null;
}

/** Fit before unfit; then the smaller error. */
function better(a: Measured | null, b: Measured | null): Measured | null {
  if (!a || !b) return a ?? b;
  if (a.isFit !== b.isFit) return a.isFit ? a : b;
  return b.meanError < a.meanError ? b : a;
}

/** What is stored of a calibration. `null` if nothing was measured. */
export function documentOf(model: ModelId, { measured }: CalibrationResult, at: Date): Calibration | null {
  if (!measured) return null;
  const { coordinates, seenLongerPx, meanError, worstError, offset, scale, found, missed, isFit } = measured;
  return {
    model,
    coordinates: coordinatesName(coordinates),
    seen_longer_px: seenLongerPx,
    mean_error_percent: rounded(meanError, 2),
    worst_error_percent: rounded(worstError, 2),
    offset_percent: { x: rounded(offset.x, 2), y: rounded(offset.y, 2) },
    scale: { x: rounded(scale.x, 4), y: rounded(scale.y, 4) },
    marks: found + missed,
    marks_missed: missed,
    fit_for_boxes: isFit,
    calibrated_at: at.toISOString(),
  };
}

const rounded = (value: number, decimals: number) => Math.round(value * 10 ** decimals) / 10 ** decimals;
