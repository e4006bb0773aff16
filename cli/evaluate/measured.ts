// What was measured about each setting, in the form that tables, files and crops share.
import { at } from '../../pipeline/contract/at.ts';
import { type Evaluation, evaluate } from '../../pipeline/evaluation/evaluate.ts';
import type { AnalyzedImage, ImageResult } from './analyzed-image.ts';
import type { EvaluatedImage } from './image-files.ts';
import type { Setting } from './settings.ts';

export interface MeasuredSetting {
  setting: Setting;
  evaluation: Evaluation;
  /** By image, as in `Measured`. */
  results: AnalyzedImage[];
  tiles: number;
  /** Mean of the images that were analyzed without an interruption; `null` if none was. */
  secondsPerImage: number | null;
  /** `null` if it is unknown. */
  costUsd: number | null;
}

export interface Measured {
  /** Those that every setting analyzed: only then are the settings comparable. */
  images: EvaluatedImage[];
  /** The first reason why a setting could not analyze the image. */
  failed: { image: EvaluatedImage; setting: Setting; reason: string }[];
  settings: MeasuredSetting[];
}

/** `results`: by setting, then by image. */
export function measured(
  images: readonly EvaluatedImage[],
  settings: readonly Setting[],
  results: readonly (readonly ImageResult[])[],
  labels: readonly string[],
): Measured {
  const failed = images.flatMap((image, place) => {
    const failures = settings.flatMap((setting, row) => {
      const result = at(at(results, row), place);
      return 'reason' in result ? [{ image, setting, reason: result.reason }] : [];
    });
    return failures.slice(0, 1);
  });
  const isFailed = new Set(failed.map(({ image }) => image));
  return {
    images: images.filter((image) => !isFailed.has(image)),
    failed,
    settings: settings.map((setting, row) => {
      const pairs = images.flatMap((image, place) => {
        const result = at(at(results, row), place);
        return 'reason' in result || isFailed.has(image) ? [] : [{ image, result }];
      });
      return measuredSetting(setting, pairs, labels);
    }),
  };
}

function measuredSetting(
  setting: Setting,
  pairs: readonly { image: EvaluatedImage; result: AnalyzedImage }[],
  labels: readonly string[],
): MeasuredSetting {
  const results = pairs.map(({ result }) => result);
  const seconds = results.map((result) => result.seconds).filter((one) => one !== null);
  const costs = results.map(({ costUsd }) => costUsd).filter((one) => one !== null);
  return {
    setting,
    evaluation: evaluate(
      pairs.map(({ image, result }) => ({ objects: image.truth.objects, findings: result.findings })),
      labels,
    ),
    results,
    tiles: sum(results.map(({ tiles }) => tiles)),
    secondsPerImage: seconds.length === 0 ? null : sum(seconds) / seconds.length,
    costUsd: costs.length < results.length ? null : sum(costs),
  };
}

/** The setting with the highest AP; of equal ones the first. `null` if the truth has no objects. */
export function bestOf(settings: readonly MeasuredSetting[]): MeasuredSetting | null {
  let [best, highest]: [MeasuredSetting | null, number] = [null, Number.NEGATIVE_INFINITY];
  for (const one of settings) {
    const { ap } = one.evaluation.averagePrecision;
    if (ap !== null && ap > highest) [best, highest] = [one, ap];
  }
  return best;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
