// Truth and findings as the evaluation compares them: labeled boxes of images that are numbered from 0. Pure.
import { at } from '../contract/at.ts';
import type { Box } from '../contract/schemas.ts';
import { intersectionOf, iou } from '../planning/geometry.ts';

/** An object of the truth. */
export interface TruthBox {
  image: number;
  label: string;
  box: Box;
  /** In pixels. Decides whether the object is small, medium or large; less than that of the box if an outline was annotated. */
  area: number;
  /** A box around many objects (`iscrowd`). It need not be found, and findings in it are not false. */
  isCrowd: boolean;
}

/** A finding, under a label of the truth. */
export interface FoundBox {
  image: number;
  label: string;
  box: Box;
  score: number;
}

/** The truth and the findings of one label in one image. */
export interface ImageBoxes {
  truths: readonly TruthBox[];
  /** Highest score first. */
  found: readonly FoundBox[];
  /** For each finding, the objects that it may match, in their order. */
  candidates: readonly (readonly Candidate[])[];
}

interface Candidate {
  /** The index of the object in `truths`. */
  place: number;
  /** The IoU; with a crowd, the share of the finding that lies in it. */
  overlap: number;
}

/** No figure has a lower threshold. */
export const OVERLAP_MIN = 0.5;

/** Two boxes that are equal up to rounding count as equal at every threshold below 1. */
const THRESHOLD_MAX = 1 - 1e-10;

/** The images in which the label occurs, in their order. `foundMax` findings of the highest score count in each. */
export function imageBoxesOf(
  label: string,
  truths: readonly TruthBox[],
  found: readonly FoundBox[],
  foundMax: number,
): ImageBoxes[] {
  const truthsOf = Map.groupBy(
    truths.filter((truth) => truth.label === label),
    ({ image }) => image,
  );
  const foundIn = Map.groupBy(
    found.filter((finding) => finding.label === label),
    ({ image }) => image,
  );
  const images = [...new Set([...truthsOf.keys(), ...foundIn.keys()])].sort((a, b) => a - b);
  return images.map((image) => {
    const inTruth = truthsOf.get(image) ?? [];
    const highest = (foundIn.get(image) ?? []).toSorted((a, b) => b.score - a.score).slice(0, foundMax);
    return { truths: inTruth, found: highest, candidates: highest.map(({ box }) => candidatesFor(box, inTruth)) };
  });
}

/**
 * For each finding the place of the truth that it matches, or -1. The finding with the highest score chooses first, and takes the free
 * object with the highest overlap of at least `threshold`; of equal ones the last. Ignored objects only match if no other one does, and
 * a crowd matches any number of findings. This is the matching of pycocotools.
 */
export function matchesAt(threshold: number, { truths, candidates }: ImageBoxes, ignored: readonly boolean[]): Int32Array {
  const isTaken = new Uint8Array(truths.length);
  const least = Math.min(threshold, THRESHOLD_MAX);
  return Int32Array.from(candidates, (near) => {
    let best = -1;
    for (const areIgnored of [false, true]) {
      if (best >= 0) break;
      let highest = least;
      for (const { place, overlap } of near) {
        if (overlap < highest || at(ignored, place) !== areIgnored) continue;
        if (isTaken[place] === 1 && !at(truths, place).isCrowd) continue;
        highest = overlap;
        best = place;
      }
    }
    if (best >= 0) isTaken[best] = 1;
    return best;
  });
}

function candidatesFor(box: Box, truths: readonly TruthBox[]): Candidate[] {
  const candidates: Candidate[] = [];
  for (const [place, truth] of truths.entries()) {
    const overlap = overlapOf(box, truth);
    if (overlap >= OVERLAP_MIN) candidates.push({ place, overlap });
  }
  return candidates;
}

function overlapOf(box: Box, truth: TruthBox): number {
  if (!truth.isCrowd) return iou(box, truth.box);
  const shared = intersectionOf(box, truth.box);
  return shared === 0 ? 0 : shared / (box[2] * box[3]);
}
