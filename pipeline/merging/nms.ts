// Non-maximum suppression (NMS): of all rows that show the same object, keeps the one that ranks highest. Pure.
import { type DetectionTable, IOS_THRESHOLD_LOW_CONFIDENCE, IOU_THRESHOLD } from './detection-table.ts';
import type { SpatialIndex } from './spatial-index.ts';

/** Starts with high ranks, which are likely to be maxima: most other rows are then merged before their turn. */
const RANKS_MIN = [0.9, 0.8, 0.7, 0.6, 0.5, 0] as const;

/** Two rows of which one may be a part of the other. */
export type NestedPair = readonly [number, number];

/**
 * Merges every row into the one that outranks it, for all labels at once. Returns the pairs of nested rows.
 * Classic NMS visits all rows by rank. But only matching rows decide about each other, so this function climbs from any row to a local
 * maximum: the result is the same, and successive reads stay close together in memory.
 */
export function suppressNonMaxima(table: DetectionTable, index: SpatialIndex): NestedPair[] {
  const { count } = table;
  const overlaps = new Overlaps(table, index);
  const decided = new Uint8Array(count);
  const nestedPairs: NestedPair[] = [];
  for (const rankMin of RANKS_MIN) {
    for (let row = 0; row < count; row++) {
      while (decided[row] === 0 && !table.isMerged(row) && table.rank(row) >= rankMin) {
        const maximum = localMaximumFrom(row, table, overlaps);
        decided[maximum] = 1;
        for (const match of overlaps.matches) {
          decided[match] = 1;
          const isHigher = !table.isMerged(match) || table.compare(maximum, table.mergedInto(match)) < 0;
          if (isHigher) table.mergeInto(match, maximum);
        }
        for (const other of overlaps.nested) if (decided[other] === 0) nestedPairs.push([maximum, other]);
      }
    }
  }
  adoptScores(table, decided);
  return nestedPairs;
}

/** Climbs from match to match until no match ranks higher. `overlaps` then holds those of the local maximum. */
function localMaximumFrom(row: number, table: DetectionTable, overlaps: Overlaps): number {
  let maximum = row;
  for (;;) {
    overlaps.collect(maximum);
    let best = maximum;
    for (const other of overlaps.matches) if (!table.isMerged(other) && table.compare(other, best) < 0) best = other;
    if (best === maximum) return maximum;
    maximum = best;
  }
}

/** A row is as certain as the most certain row that was merged into it. */
function adoptScores(table: DetectionTable, decided: Uint8Array): void {
  for (let row = 0; row < table.count; row++) {
    if (decided[row] === 1 && table.isMerged(row)) table.adoptScore(table.mergedInto(row), row);
  }
}

/** The rows that overlap a row. One instance serves all rows: a million rows need no million lists. */
class Overlaps {
  /** IoU above the threshold. */
  readonly matches: number[] = [];
  /** One box lies in the other. */
  readonly nested: number[] = [];
  readonly #table: DetectionTable;
  readonly #index: SpatialIndex;
  #row = 0;

  constructor(table: DetectionTable, index: SpatialIndex) {
    this.#table = table;
    this.#index = index;
  }

  collect(row: number): void {
    this.matches.length = 0;
    this.nested.length = 0;
    this.#row = row;
    this.#index.visit(row, this.#visit);
  }

  readonly #visit = (other: number): boolean => {
    const intersection = other === this.#row ? 0 : this.#table.intersection(this.#row, other);
    if (intersection === 0) return false;
    const [area, otherArea] = [this.#table.area(this.#row), this.#table.area(other)];
    if (intersection > IOU_THRESHOLD * (area + otherArea - intersection)) this.matches.push(other);
    else if (intersection > IOS_THRESHOLD_LOW_CONFIDENCE * Math.min(area, otherArea)) this.nested.push(other);
    return false;
  };
}
