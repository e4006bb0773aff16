// Which findings are right, which objects are missed, and what was taken for what, at one IoU. Pure.
import { at } from '../contract/at.ts';
import { iou } from '../planning/geometry.ts';
import { BoxesByLeft, type FoundBox, imageBoxesOf, matchesAt, OVERLAP_MIN, type TruthBox } from './compared-boxes.ts';

/** A finding and an object are the same from this IoU on. */
const SAME_OBJECT_IOU = OVERLAP_MIN;
const SCORE_STEPS = 100;

export interface Comparison {
  right: { truth: TruthBox; found: FoundBox }[];
  /** Objects without a right finding, crowds left out. */
  missed: TruthBox[];
  /** Findings without an object of their label. Those in a crowd are neither right nor false. */
  wrong: FoundBox[];
  /** Missed objects and false findings in the same place, under different labels. */
  confused: { truth: TruthBox; found: FoundBox }[];
}

export interface Accuracy {
  objects: number;
  right: number;
  missed: number;
  wrong: number;
  /** `null` without findings. */
  precision: number | null;
  /** `null` without objects. */
  recall: number | null;
  f1: number | null;
}

/** Labels are matched first, so that what is right here is what average precision counts as right. */
export function compare(truths: readonly TruthBox[], found: readonly FoundBox[]): Comparison {
  const comparison: Comparison = { right: [], missed: [], wrong: [], confused: [] };
  const truthsOf = Map.groupBy(truths, ({ label }) => label);
  const foundAs = Map.groupBy(found, ({ label }) => label);
  for (const label of [...new Set([...truthsOf.keys(), ...foundAs.keys()])].sort()) {
    const images = imageBoxesOf(truthsOf.get(label) ?? [], foundAs.get(label) ?? [], Number.POSITIVE_INFINITY);
    for (const boxes of images) {
      const matches = matchesAt(
        SAME_OBJECT_IOU,
        boxes,
        boxes.truths.map(({ isCrowd }) => isCrowd),
      );
      for (const [place, finding] of boxes.found.entries()) {
        const match = at(matches, place);
        if (match < 0) comparison.wrong.push(finding);
        else if (!at(boxes.truths, match).isCrowd) comparison.right.push({ truth: at(boxes.truths, match), found: finding });
      }
      const matched = new Set(matches);
      for (const [place, truth] of boxes.truths.entries())
        if (!truth.isCrowd && !matched.has(place)) comparison.missed.push(truth);
    }
  }
  comparison.confused = confusedIn(comparison);
  return comparison;
}

/** Each object and finding once, the highest IoU first. */
function confusedIn({ missed, wrong }: Comparison): Comparison['confused'] {
  const wrongIn = Map.groupBy(wrong, ({ image }) => image);
  const pairs: { truth: TruthBox; found: FoundBox; iou: number }[] = [];
  for (const [image, ofImage] of Map.groupBy(missed, (truth) => truth.image)) {
    const foundThere = wrongIn.get(image) ?? [];
    const index = new BoxesByLeft(foundThere);
    for (const truth of ofImage) {
      for (const found of index.near(truth.box).map((place) => at(foundThere, place))) {
        const overlap = iou(truth.box, found.box);
        if (overlap >= SAME_OBJECT_IOU) pairs.push({ truth, found, iou: overlap });
      }
    }
  }
  const taken = new Set<TruthBox | FoundBox>();
  return pairs
    .sort((a, b) => b.iou - a.iou || b.found.score - a.found.score)
    .flatMap(({ truth, found }) => {
      if (taken.has(truth) || taken.has(found)) return [];
      taken.add(truth).add(found);
      return [{ truth, found }];
    });
}

export function accuracyOf({ right, missed, wrong }: Comparison): Accuracy {
  return accuracy(right.length, missed.length, wrong.length);
}

export interface ConfusionCount {
  /** `null`: the finding is in a place without an object. */
  truth: string | null;
  /** `null`: the object was not found under any label. */
  found: string | null;
  count: number;
}

/** The confusion matrix without its zeros: label by label, with `null` as the background. */
export function confusionOf({ right, missed, wrong, confused }: Comparison): ConfusionCount[] {
  const counts = new Map<string, ConfusionCount>();
  const add = (truth: string | null, found: string | null) => {
    const key = JSON.stringify([truth, found]);
    const count = counts.get(key) ?? { truth, found, count: 0 };
    counts.set(key, { truth, found, count: count.count + 1 });
  };
  const taken = new Set<TruthBox | FoundBox>(confused.flatMap(({ truth, found }) => [truth, found]));
  for (const { truth, found } of [...right, ...confused]) add(truth.label, found.label);
  for (const truth of missed) if (!taken.has(truth)) add(truth.label, null);
  for (const found of wrong) if (!taken.has(found)) add(null, found.label);
  return [...counts.values()];
}

/** For each label of the truth and of the findings, sorted. */
export function accuracyByLabel({ right, missed, wrong }: Comparison): Map<string, Accuracy> {
  const labelsOf = (boxes: readonly { label: string }[]) => boxes.map(({ label }) => label);
  const counted = [labelsOf(right.map(({ truth }) => truth)), labelsOf(missed), labelsOf(wrong)].map(countOf);
  const labels = [...new Set(counted.flatMap((counts) => [...counts.keys()]))].sort();
  return new Map(
    labels.map((label) => {
      const [rightCount = 0, missedCount = 0, wrongCount = 0] = counted.map((counts) => counts.get(label));
      return [label, accuracy(rightCount, missedCount, wrongCount)];
    }),
  );
}

/** The score from which on findings should count to reach the highest F1, in steps of 0.01, with the accuracy there. `null` without one. */
export function bestScore(comparison: Comparison): { score: number; accuracy: Accuracy } | null {
  const objects = comparison.right.length + comparison.missed.length;
  const scores = new Set(
    [...comparison.right.map(({ found }) => found), ...comparison.wrong].map(({ score }) => stepBelow(score)),
  );
  const candidates = [...scores]
    .sort((a, b) => a - b)
    .map((score) => {
      const right = comparison.right.filter(({ found }) => found.score >= score).length;
      const wrong = comparison.wrong.filter((found) => found.score >= score).length;
      return { score, accuracy: accuracy(right, objects - right, wrong) };
    });
  return candidates.reduce<(typeof candidates)[number] | null>((best, candidate) => {
    return (candidate.accuracy.f1 ?? 0) > (best?.accuracy.f1 ?? 0) ? candidate : best;
  }, null);
}

function stepBelow(score: number): number {
  return Math.floor(score * SCORE_STEPS) / SCORE_STEPS;
}

function accuracy(right: number, missed: number, wrong: number): Accuracy {
  const [objects, findings] = [right + missed, right + wrong];
  return {
    objects,
    right,
    missed,
    wrong,
    precision: findings === 0 ? null : right / findings,
    recall: objects === 0 ? null : right / objects,
    f1: objects + findings === 0 ? null : (2 * right) / (objects + findings),
  };
}

function countOf(labels: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts;
}
