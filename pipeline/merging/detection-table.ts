// The detections of one merge, a row each: boxes, scores, ranking, unions, and which row was merged into which. Pure.
// A run may have a million rows, so they are typed columns. The table must not know the plan, or why rows are merged.
import { at } from '../contract/at.ts';
import type { Detection, Polygon } from '../contract/schemas.ts';
import type { Size } from '../planning/geometry.ts';
import type { PlannedTile } from '../planning/grid.ts';
import { BoxColumns, cell } from './box-columns.ts';
import { compareContent } from './content-order.ts';
import { withUnion } from './outline-union.ts';

/** Boxes of one label whose IoU exceeds this are one object: the usual threshold for a match. */
export const IOU_THRESHOLD = 0.5;
/** A box whose IoS (intersection over smaller) with a larger box of its label exceeds this is a part or a duplicate of it. */
export const IOS_THRESHOLD = 0.7;
/** The outline of a low-confidence box is inexact: half of it inside a confident one is enough. */
export const IOS_THRESHOLD_LOW_CONFIDENCE = 0.5;

/** A box this close to an inner edge of its tile, in pixels of its level, is truncated: the object may continue in the next tile. */
export const EDGE_MARGIN_PX = 3;

/** The detections of one tile, which are rows from `firstRow` on. */
interface TileReport {
  tile: PlannedTile;
  detections: readonly Detection[];
  /** Image pixels across a pixel of the tile. */
  scale: number;
  firstRow: number;
}

export class DetectionTable extends BoxColumns {
  readonly #reports: TileReport[] = [];
  readonly #unions: Detection[] = [];
  readonly #report: Int32Array;
  readonly #label: Int32Array;
  readonly #level: Uint8Array;
  readonly #isText: Uint8Array;
  readonly #truncatedSides: Uint8Array;
  readonly #score: Float32Array;
  readonly #secondScore: Float32Array;
  readonly #rank: Float32Array;
  readonly #lowConfidence: Uint8Array;
  readonly #mergedInto: Int32Array;
  #reportedCount = 0;
  #labelCount = 0;

  /** Holds up to `reportedMax` detections, and half as many unions: a union joins at least two detections. */
  constructor(reportedMax: number, image: Size) {
    const rowsMax = reportedMax + (reportedMax >> 1);
    super(rowsMax, image);
    this.#report = new Int32Array(rowsMax);
    this.#label = new Int32Array(rowsMax);
    this.#level = new Uint8Array(rowsMax);
    this.#isText = new Uint8Array(rowsMax);
    this.#truncatedSides = new Uint8Array(rowsMax);
    this.#score = new Float32Array(rowsMax);
    this.#secondScore = new Float32Array(rowsMax);
    this.#rank = new Float32Array(rowsMax);
    this.#lowConfidence = new Uint8Array(rowsMax);
    this.#mergedInto = new Int32Array(rowsMax);
  }

  /** All rows: the reported detections, then the unions. */
  get count(): number {
    return this.#reportedCount + this.#unions.length;
  }

  /** The rows that tiles reported. */
  get reportedCount(): number {
    return this.#reportedCount;
  }

  /** Labels are numbers from 0 up to, but not including, this count. */
  get labelCount(): number {
    return this.#labelCount;
  }

  /** Begins a tile: as many calls of `add` follow as it has detections. */
  addTile(tile: PlannedTile, detections: readonly Detection[]): void {
    this.#reports.push({ tile, detections, scale: 2 ** tile.level, firstRow: this.#reportedCount });
  }

  /** Adds the next detection of the tile. `truncatedSides` is a sum of SIDE. */
  add(detection: Detection, label: number, truncatedSides: number): void {
    const row = this.#reportedCount++;
    const report = this.#reports.length - 1;
    const { tile, scale } = at(this.#reports, report);
    this.setBoxInTile(row, detection.box, tile.boxInLevel, scale);
    this.#set(row, report, detection, label, truncatedSides);
    const outline = detection.angle === undefined ? null : this.outline(row);
    if (outline) this.setCorners(row, outline);
    this.#labelCount = Math.max(this.#labelCount, label + 1);
  }

  /**
   * Adds the union of the `parts` and merges them into it. Tile and label are those of the part `best`. Its outline is
   * the union of theirs.
   */
  addUnion(parts: readonly number[], best: number, content: Detection): void {
    const edges = this.edgesAround(parts);
    let truncatedSides = 0; // the object continues beyond the union where a part is truncated at its outer edge
    let secondScore = 0;
    for (const part of parts) {
      truncatedSides |= this.truncatedSides(part) & this.sidesOn(part, edges);
      if (part !== best) secondScore = Math.max(secondScore, this.score(part));
    }
    const union = this.count;
    const outlineOf = (part: number) => ({ polygon: this.outline(part), angle: this.detection(part).angle });
    const detection = content.polygon ? withUnion(content, parts.map(outlineOf)) : content;
    this.#unions.push(detection);
    this.setEdges(union, edges);
    if (detection.polygon && detection.angle !== undefined) this.setCorners(union, detection.polygon);
    this.#set(union, cell(this.#report, best), detection, this.label(best), truncatedSides);
    this.#secondScore[union] = secondScore;
    for (const part of parts) this.mergeInto(part, union);
  }

  detection(row: number): Detection {
    if (row >= this.#reportedCount) return at(this.#unions, row - this.#reportedCount);
    const { detections, firstRow } = at(this.#reports, cell(this.#report, row));
    return at(detections, row - firstRow);
  }

  /** The tile that reported the detection; for a union, the tile of its best part. */
  tile(row: number): PlannedTile {
    return at(this.#reports, cell(this.#report, row)).tile;
  }

  /** The corners in pixels of the full image; `null` if only the box is known. */
  outline(row: number): Polygon | null {
    const { polygon } = this.detection(row);
    if (!polygon || row >= this.#reportedCount) return polygon ?? null;
    const { tile, scale } = at(this.#reports, cell(this.#report, row));
    const [left, top] = tile.boxInLevel;
    return polygon.map(([x, y]) => [(left + x) * scale, (top + y) * scale]);
  }

  level(row: number): number {
    return cell(this.#level, row);
  }

  /** The number of the label: equal labels have equal numbers, regardless of case. */
  label(row: number): number {
    return cell(this.#label, row);
  }

  /** True if the detection is a line of text. */
  isText(row: number): boolean {
    return cell(this.#isText, row) === 1;
  }

  /** The sides on which a tile edge cuts the box: a sum of SIDE. */
  truncatedSides(row: number): number {
    return cell(this.#truncatedSides, row);
  }

  /** True if the row is a union, but not of text: less exact than a box that one tile contains. */
  isStitchedBox(row: number): boolean {
    return row >= this.#reportedCount && !this.isText(row);
  }

  /** As the model reported it; after rescoring, lower if other tiles contradict it. */
  score(row: number): number {
    return cell(this.#score, row);
  }

  /** For a union, the score of its second best part; otherwise 0. */
  secondScore(row: number): number {
    return cell(this.#secondScore, row);
  }

  /** Decides which of two rows wins: the score, lowered if another row shows the same object better. */
  rank(row: number): number {
    return cell(this.#rank, row);
  }

  /** True if other tiles contradict the row, or another row shows the same object better. */
  lowConfidence(row: number): boolean {
    return cell(this.#lowConfidence, row) === 1;
  }

  /** Sets the score, and the rank as a share of it. */
  rescore(row: number, score: number, rankShare: number, lowConfidence: boolean): void {
    this.#score[row] = score;
    this.#rank[row] = rankShare * this.score(row);
    this.#lowConfidence[row] = lowConfidence ? 1 : 0;
  }

  /** Raises the score and confidence of a row to those of a row that was merged into it. */
  adoptScore(row: number, merged: number): void {
    this.#score[row] = Math.max(this.score(row), this.score(merged));
    if (!this.lowConfidence(merged)) this.#lowConfidence[row] = 0;
  }

  /** Negative if `a` wins over `b`: by rank, then top to bottom, left to right, then by all other differences. */
  compare(a: number, b: number): number {
    return this.rank(b) - this.rank(a) || this.top(a) - this.top(b) || this.left(a) - this.left(b) || this.#compareRest(a, b);
  }

  /** The row that this row was merged into; the row itself if it was not merged. */
  mergedInto(row: number): number {
    return cell(this.#mergedInto, row);
  }

  isMerged(row: number): boolean {
    return this.mergedInto(row) !== row;
  }

  mergeInto(row: number, other: number): void {
    this.#mergedInto[row] = other;
  }

  /** The row that a row belongs to after all merges. */
  finalRow(row: number): number {
    let last = row;
    while (this.isMerged(last)) last = this.mergedInto(last);
    return last;
  }

  /** All rows that were not merged into another row. */
  unmergedRows(): Int32Array {
    const rows = new Int32Array(this.count);
    let found = 0;
    for (let row = 0; row < this.count; row++) if (!this.isMerged(row)) rows[found++] = row;
    return rows.subarray(0, found);
  }

  #set(row: number, report: number, detection: Detection, label: number, truncatedSides: number): void {
    this.#report[row] = report;
    this.#level[row] = at(this.#reports, report).tile.level;
    this.#label[row] = label;
    this.#isText[row] = detection.text === null ? 0 : 1;
    this.#truncatedSides[row] = truncatedSides;
    this.#score[row] = detection.score;
    this.#mergedInto[row] = row;
  }

  #compareRest(a: number, b: number): number {
    return (
      this.right(b) - this.right(a) ||
      this.bottom(b) - this.bottom(a) ||
      this.score(b) - this.score(a) ||
      this.level(a) - this.level(b) ||
      this.tile(a).index - this.tile(b).index ||
      compareContent(this.detection(a), this.detection(b))
    );
  }
}
