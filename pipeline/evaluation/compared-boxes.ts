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

/** A share of the width: more than sums of coordinates can be off. */
const ROUNDING = 0.01;

/** Two boxes that are equal up to rounding count as equal at every threshold below 1. */
const THRESHOLD_MAX = 1 - 1e-10;

/** By image, in their order. All boxes have one label. `foundMax` findings of the highest score count in each. */
export function imageBoxesOf(truths: readonly TruthBox[], found: readonly FoundBox[], foundMax: number): ImageBoxes[] {
  const truthsOf = Map.groupBy(truths, ({ image }) => image);
  const foundIn = Map.groupBy(found, ({ image }) => image);
  const images = [...new Set([...truthsOf.keys(), ...foundIn.keys()])].sort((a, b) => a - b);
  return images.map((image) => {
    const inTruth = truthsOf.get(image) ?? [];
    const highest = (foundIn.get(image) ?? []).toSorted((a, b) => b.score - a.score).slice(0, foundMax);
    const candidatesFor = candidatesIn(inTruth);
    return { truths: inTruth, found: highest, candidates: highest.map(({ box }) => candidatesFor(box)) };
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

/** Finds the boxes of one image that can have an IoU of OVERLAP_MIN with a box, without comparing all of them. */
export class BoxesByLeft<Row extends { box: Box }> {
  readonly #rows: readonly Row[];
  readonly #places: readonly number[];
  readonly #lefts: Float64Array;

  constructor(rows: readonly Row[]) {
    this.#rows = rows;
    this.#places = [...rows.keys()].sort((a, b) => at(rows, a).box[0] - at(rows, b).box[0]);
    this.#lefts = Float64Array.from(this.#places, (place) => at(rows, place).box[0]);
  }

  /** The places of the rows, ascending. Two such boxes share half of the wider one, so their left edges are less than a width apart. */
  near([left, , width]: Box): number[] {
    const last = left + width / 2 + width * ROUNDING;
    const places: number[] = [];
    for (let index = this.#firstFrom(left - width - width * ROUNDING); index < this.#lefts.length; index++) {
      const place = at(this.#places, index);
      const [other] = at(this.#rows, place).box;
      if (other > last) break;
      places.push(place);
    }
    return places.sort((a, b) => a - b);
  }

  /** Where the first left edge is that is not below `left`. */
  #firstFrom(left: number): number {
    let [from, to] = [0, this.#lefts.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      const value = this.#lefts[middle];
      if (value !== undefined && value < left) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

/** In the order of `truths`. */
function candidatesIn(truths: readonly TruthBox[]): (box: Box) => Candidate[] {
  const index = new BoxesByLeft(truths);
  const crowds = [...truths.keys()].filter((place) => at(truths, place).isCrowd); // any box in them
  return (box) => {
    const places = crowds.length === 0 ? index.near(box) : [...new Set([...index.near(box), ...crowds])].sort((a, b) => a - b);
    return places.flatMap((place) => {
      const overlap = overlapOf(box, at(truths, place));
      return overlap >= OVERLAP_MIN ? [{ place, overlap }] : [];
    });
  };
}

function overlapOf(box: Box, truth: TruthBox): number {
  if (!truth.isCrowd) return iou(box, truth.box);
  const shared = intersectionOf(box, truth.box);
  return shared === 0 ? 0 : shared / (box[2] * box[3]);
}
