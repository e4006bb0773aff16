// Finds the rows of one label, or of all labels, that lie near a box without comparing every pair. Pure.
import Flatbush from 'flatbush';
import type { Size } from '../planning/geometry.ts';
import { cell } from './box-columns.ts';
import type { DetectionTable } from './detection-table.ts';

/** The gap between the areas of two labels, so that rounding never lets them touch. */
const LABEL_GAP_PX = 16;

/** Boxes in a node of the tree: Flatbush's default. */
const NODE_SIZE = 16;

/** Called for every row found, in no set order; returns true to end the search. */
export type Visitor = (other: number) => boolean;

/**
 * One index for all labels: each label has an area of its own, as large as the image, and the areas form a square. Single precision
 * moves edges by less than half a pixel, the same way for the index and for its queries.
 */
export class SpatialIndex {
  readonly #table: DetectionTable;
  readonly #rows: Int32Array;
  readonly #areaWidth: number;
  readonly #areaHeight: number;
  readonly #areasAcross: number;
  readonly #tree: Flatbush | null;
  #visitor: Visitor = () => true;
  readonly #visitRow = (position: number): boolean => this.#visitor(cell(this.#rows, position));

  constructor(table: DetectionTable, rows: Int32Array, image: Size, finds: 'one label' | 'all labels' = 'one label') {
    this.#table = table;
    this.#rows = rows;
    const areSeparate = finds === 'one label';
    this.#areaWidth = areSeparate ? image.width + LABEL_GAP_PX : 0;
    this.#areaHeight = areSeparate ? image.height + LABEL_GAP_PX : 0;
    this.#areasAcross = Math.ceil(Math.sqrt(table.labelCount));
    this.#tree = rows.length === 0 ? null : new Flatbush(rows.length, NODE_SIZE, Float32Array);
    for (const row of rows) {
      const [x, y] = [this.#offsetX(row), this.#offsetY(row)];
      this.#tree?.add(x + table.left(row), y + table.top(row), x + table.right(row), y + table.bottom(row));
    }
    this.#tree?.finish();
  }

  /** Visits the indexed rows, unless the index finds all labels only those of the same label, within `reachPx` of the box of `row`, including the row itself. */
  visit(row: number, visitor: Visitor, reachPx = 0): void {
    this.#visitor = visitor; // visits at once: collecting a list of results for each of a million rows is slow
    const [x, y] = [this.#offsetX(row), this.#offsetY(row)];
    this.#tree?.collides(
      Math.fround(x + this.#table.left(row) - reachPx),
      Math.fround(y + this.#table.top(row) - reachPx),
      Math.fround(x + this.#table.right(row) + reachPx),
      Math.fround(y + this.#table.bottom(row) + reachPx),
      this.#visitRow,
    );
  }

  #offsetX(row: number): number {
    return (this.#table.label(row) % this.#areasAcross) * this.#areaWidth;
  }

  #offsetY(row: number): number {
    return Math.floor(this.#table.label(row) / this.#areasAcross) * this.#areaHeight;
  }
}
