// Rescores detections by what other tiles detected in the same area: a detection without expected support loses half its score. Pure.
import type { TileGrid } from '../planning/grid.ts';
import type { Coverage } from './coverage.ts';
import { type DetectionTable, IOS_THRESHOLD, IOU_THRESHOLD } from './detection-table.ts';
import type { SpatialIndex } from './spatial-index.ts';
import { thicknessOf } from './text/slanted-lines.ts';

const PENALTY_FACTOR = 1 / 2;
/** A coarser level should detect an object if its longer side is still a quarter of a tile there, the size that detectors handle best. */
const OBJECT_TILE_SHARE = 1 / 4;
/** A line of text is legible at this height: 20 px in a tile of 640. */
const TEXT_TILE_SHARE = 1 / 32;

/**
 * Halves the score (a) if a finer tile fully covered the box but detected nothing matching, and (b) once per coarser level that
 * should have detected the object but did not, or once if the box is truncated. For a union, halves the scores of its two best parts and
 * combines them as independent evidence. Finer levels go first: a detection that (a) contradicts supports no other.
 */
export function rescore(table: DetectionTable, index: SpatialIndex, coverage: Coverage, grid: TileGrid): void {
  const { count } = table;
  const support = new Support(table, index, coverage);
  const coarsest = Math.max(...grid.levels.map(({ level }) => level));
  for (const { level } of grid.levels) {
    const tileEdgePx = (grid.stridePx + 2 * grid.marginPx) * 2 ** level;
    for (let row = 0; row < count; row++) {
      if (table.level(row) !== level || table.isMerged(row)) continue;
      const finerCovers = coverage.covers(row, level - 1);
      const levelsExpected = Math.min(coarsest - level, coarserLevelsExpected(table, row, tileEdgePx));
      support.collect(row, finerCovers, levelsExpected > 0);
      const isContradicted = finerCovers && !support.finer;
      if (isContradicted) support.exclude(row);
      const levelsMissing = support.coarser ? 0 : levelsExpected;
      const penalties = Math.max(table.truncatedSides(row) === 0 ? 0 : 1, levelsMissing) + (isContradicted ? 1 : 0);
      const factor = PENALTY_FACTOR ** penalties;
      const score = 1 - (1 - factor * table.score(row)) * (1 - factor * table.secondScore(row));
      const isShownBetter = (finerCovers && support.finerComplete) || table.isStitchedBox(row);
      table.rescore(row, score, isShownBetter ? PENALTY_FACTOR : 1, penalties > 0 || isShownBetter);
    }
  }
}

/** Collects which other detections support a row. */
class Support {
  /** A finer detection matches the row, or shows a part of it. */
  finer = false;
  /** A finer detection matches the row, and is not truncated. */
  finerComplete = false;
  /** A coarser detection matches the row. */
  coarser = false;
  readonly #table: DetectionTable;
  readonly #index: SpatialIndex;
  readonly #coverage: Coverage;
  readonly #excluded: Uint8Array;
  #row = 0;
  #needsCoarser = false;

  constructor(table: DetectionTable, index: SpatialIndex, coverage: Coverage) {
    this.#table = table;
    this.#index = index;
    this.#coverage = coverage;
    this.#excluded = new Uint8Array(table.count);
  }

  collect(row: number, needsFiner: boolean, needsCoarser: boolean): void {
    this.finer = false;
    this.finerComplete = false;
    this.coarser = false;
    this.#row = row;
    this.#needsCoarser = needsCoarser;
    if (needsFiner || needsCoarser) this.#index.visit(row, this.#visit);
  }

  /** Ignores the row from now on: it supports no other row. */
  exclude(row: number): void {
    this.#excluded[row] = 1;
  }

  readonly #visit = (other: number): boolean => {
    const table = this.#table;
    const row = this.#row;
    const levelsUp = table.level(other) - table.level(row);
    if (levelsUp === 0 || this.#excluded[other] === 1) return false;
    const matches = table.iouExceeds(row, other, IOU_THRESHOLD);
    if (levelsUp > 0) this.coarser ||= matches;
    else {
      this.finer ||= matches || this.#isPart(other);
      this.finerComplete ||= matches && table.truncatedSides(other) === 0 && !table.isStitchedBox(other);
    }
    return this.finerComplete && (this.coarser || !this.#needsCoarser);
  };

  /** True if `other` is the visible part of the row's object in a finer tile that is too small for it. */
  #isPart(other: number): boolean {
    const table = this.#table;
    const isTruncatedBox = table.truncatedSides(other) !== 0 && !table.isText(other);
    if (!isTruncatedBox || !table.isInside(other, this.#row, IOS_THRESHOLD)) return false;
    return !this.#coverage.covers(this.#row, table.level(other));
  }
}

/** The number of coarser levels that should detect the object too. */
function coarserLevelsExpected(table: DetectionTable, row: number, tileEdgePx: number): number {
  const times = table.isText(row)
    ? thicknessOf(table, row) / (tileEdgePx * TEXT_TILE_SHARE)
    : Math.max(table.width(row), table.height(row)) / (tileEdgePx * OBJECT_TILE_SHARE);
  return times < 2 ? 0 : Math.floor(Math.log2(times));
}
