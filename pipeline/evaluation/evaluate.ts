// Everything that is measured about one setting: the findings of all images, compared with their truth. Pure.
import type { Box, Finding } from '../contract/schemas.ts';
import { type AveragePrecision, averagePrecision, COCO_FOUND_MAX } from './average-precision.ts';
import type { FoundBox, TruthBox } from './compared-boxes.ts';
import { type Accuracy, accuracyByLabel, accuracyOf, bestScore, type Comparison, compare } from './comparison.ts';
import { type TextAccuracy, textAccuracy } from './text-accuracy.ts';
import { truthLabels } from './truth-labels.ts';

export interface ImageToEvaluate {
  /** `text` is `null` if it was not annotated. */
  objects: readonly { label: string; box: Box; area: number; isCrowd: boolean; text: string | null }[];
  findings: readonly Pick<Finding, 'label' | 'box' | 'score' | 'text'>[];
}

export interface Evaluation {
  comparison: Comparison;
  accuracy: Accuracy;
  averagePrecision: AveragePrecision;
  byLabel: Map<string, { accuracy: Accuracy; averagePrecision: AveragePrecision | null }>;
  best: ReturnType<typeof bestScore>;
  /** `null` if the truth has no text. */
  text: TextAccuracy | null;
  /** The number of findings whose label the truth does not have, by label. */
  notScored: Map<string, number>;
}

/** `images` have numbers by their place. `labels` are all of the truth. */
export function evaluate(images: readonly ImageToEvaluate[], labels: readonly string[]): Evaluation {
  const truths = images.flatMap(({ objects }, image): TruthBox[] =>
    objects.map(({ label, box, area, isCrowd }) => ({ image, label, box, area, isCrowd })),
  );
  const labelOf = truthLabels(labels);
  const found: FoundBox[] = [];
  const notScored = new Map<string, number>();
  for (const [image, { findings }] of images.entries()) {
    for (const { label: reported, box, score } of findings) {
      const label = labelOf(reported);
      if (label === null) notScored.set(reported, (notScored.get(reported) ?? 0) + 1);
      else found.push({ image, label, box, score });
    }
  }
  const comparison = compare(truths, found);
  const { all, byLabel } = averagePrecision(truths, found, foundMaxFor(truths));
  const accuracies = [...accuracyByLabel(comparison)].map(
    ([label, accuracy]) => [label, { accuracy, averagePrecision: byLabel.get(label) ?? null }] as const,
  );
  return {
    comparison,
    accuracy: accuracyOf(comparison),
    averagePrecision: all,
    byLabel: new Map(accuracies),
    best: bestScore(comparison),
    text: textAccuracy(images),
    notScored,
  };
}

/** COCO counts 100 findings in an image and label. With more objects than that, perfect findings would count as incomplete: all count. */
export function foundMaxFor(truths: readonly Pick<TruthBox, 'image' | 'label'>[]): number {
  const counts = Map.groupBy(truths, ({ image, label }) => `${image} ${label}`);
  const hasMore = [...counts.values()].some(({ length }) => length > COCO_FOUND_MAX);
  return hasMore ? Number.POSITIVE_INFINITY : COCO_FOUND_MAX;
}
