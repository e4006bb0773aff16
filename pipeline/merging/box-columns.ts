// Boxes as typed columns, a row each, and their geometry. Pure. The columns must not know what the boxes are.
import type { Box, Polygon } from '../contract/schemas.ts';
import { convexIntersection, cornersOf, polygonArea } from '../outlines/polygons.ts';
import type { Size } from '../planning/geometry.ts';

type Column = Float32Array | Int32Array | Uint8Array;

/**
 * The value of a row that must exist. Throws a RangeError outside the column.
 * `at` does the same for rows of any kind. V8 inlines this read because it meets three kinds of arrays only, and `at` meets too many.
 */
export function cell(column: Column, row: number): number {
  const value = column[row];
  return value === undefined ? failOutside(column, row) : value;
}

function failOutside(column: Column, row: number): never {
  throw new RangeError(`Row ${row} does not exist among ${column.length}.`);
}

/** Sides of a box as bits: one number holds any set of sides. */
export const SIDE = { left: 1, top: 2, right: 4, bottom: 8 } as const;

export type Axis = 'x' | 'y';

/** In pixels of the full image. */
export interface Edges {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export class BoxColumns {
  readonly #image: Size;
  /** Single precision keeps edges to 1/100 of a pixel in images of up to 131,072 pixels. */
  readonly #left: Float32Array;
  readonly #top: Float32Array;
  readonly #right: Float32Array;
  readonly #bottom: Float32Array;
  /** The corners of oriented boxes, which lie inside the edges. Most runs have none. */
  readonly #corners = new Map<number, Polygon>();

  constructor(rowsMax: number, image: Size) {
    this.#image = image;
    this.#left = new Float32Array(rowsMax);
    this.#top = new Float32Array(rowsMax);
    this.#right = new Float32Array(rowsMax);
    this.#bottom = new Float32Array(rowsMax);
  }

  /**
   * Sets a box in pixels of a tile. `origin` is where the tile starts in its level. A pixel of the level covers `scale` x `scale` image
   * pixels, and the last ones may cover fewer. Allocates nothing, as a run has a million rows.
   */
  protected setBoxInTile(row: number, box: Box, origin: Box, scale: number): void {
    const left = (origin[0] + box[0]) * scale;
    const top = (origin[1] + box[1]) * scale;
    this.#left[row] = Math.min(left, this.#image.width);
    this.#top[row] = Math.min(top, this.#image.height);
    this.#right[row] = Math.min(left + box[2] * scale, this.#image.width);
    this.#bottom[row] = Math.min(top + box[3] * scale, this.#image.height);
  }

  protected setEdges(row: number, edges: Edges): void {
    this.#left[row] = edges.left;
    this.#top[row] = edges.top;
    this.#right[row] = edges.right;
    this.#bottom[row] = edges.bottom;
  }

  /** Makes the row an oriented box. Its corners are clockwise, in pixels of the full image. */
  protected setCorners(row: number, corners: Polygon): void {
    this.#corners.set(row, corners);
  }

  left(row: number): number {
    return cell(this.#left, row);
  }

  top(row: number): number {
    return cell(this.#top, row);
  }

  right(row: number): number {
    return cell(this.#right, row);
  }

  bottom(row: number): number {
    return cell(this.#bottom, row);
  }

  /** Where the box starts along an axis: its left or top edge. */
  start(row: number, axis: Axis): number {
    return axis === 'x' ? this.left(row) : this.top(row);
  }

  end(row: number, axis: Axis): number {
    return axis === 'x' ? this.right(row) : this.bottom(row);
  }

  width(row: number): number {
    return this.right(row) - this.left(row);
  }

  height(row: number): number {
    return this.bottom(row) - this.top(row);
  }

  /** The area of the box; of an oriented box, inside its corners. */
  area(row: number): number {
    const corners = this.#corners.size > 0 ? this.#corners.get(row) : undefined;
    if (corners) return polygonArea(corners);
    return (cell(this.#right, row) - cell(this.#left, row)) * (cell(this.#bottom, row) - cell(this.#top, row));
  }

  box(row: number): Box {
    return [this.left(row), this.top(row), this.width(row), this.height(row)];
  }

  /** The area that two boxes share; 0 if they do not intersect. */
  intersection(a: number, b: number): number {
    const width = Math.min(cell(this.#right, a), cell(this.#right, b)) - Math.max(cell(this.#left, a), cell(this.#left, b));
    const height = Math.min(cell(this.#bottom, a), cell(this.#bottom, b)) - Math.max(cell(this.#top, a), cell(this.#top, b));
    if (width <= 0 || height <= 0) return 0;
    if (this.#corners.size > 0 && (this.#corners.has(a) || this.#corners.has(b))) {
      return convexIntersection(this.#cornersOf(a), this.#cornersOf(b));
    }
    return width * height;
  }

  /** True if the intersection over union (IoU) of two boxes exceeds the threshold. */
  iouExceeds(a: number, b: number, threshold: number): boolean {
    const intersection = this.intersection(a, b);
    return intersection > 0 && intersection > threshold * (this.area(a) + this.area(b) - intersection);
  }

  /** True if more than `share` of the area of `inner` lies inside `outer`. If `inner` is the smaller box, this share is their IoS. */
  isInside(inner: number, outer: number, share: number): boolean {
    return this.intersection(inner, outer) > share * this.area(inner);
  }

  /** The edges of the smallest box around all rows. */
  edgesAround(rows: readonly number[]): Edges {
    const around: Edges = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
    for (const row of rows) {
      around.left = Math.min(around.left, this.left(row));
      around.top = Math.min(around.top, this.top(row));
      around.right = Math.max(around.right, this.right(row));
      around.bottom = Math.max(around.bottom, this.bottom(row));
    }
    return around;
  }

  /** The sides on which the box reaches these edges. */
  sidesOn(row: number, edges: Edges): number {
    return (
      (this.left(row) === edges.left ? SIDE.left : 0) |
      (this.top(row) === edges.top ? SIDE.top : 0) |
      (this.right(row) === edges.right ? SIDE.right : 0) |
      (this.bottom(row) === edges.bottom ? SIDE.bottom : 0)
    );
  }

  #cornersOf(row: number): Polygon {
    return this.#corners.get(row) ?? cornersOf(this.box(row));
  }
}
