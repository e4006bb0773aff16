// Traces the outlines of the areas where a field is positive (marching squares), and simplifies them (Douglas and Peucker, 1973). Pure.
import { at } from '../contract/at.ts';
import type { Point } from './polygons.ts';

/**
 * One closed outline for each area and each hole, in units of samples: the first sample is at [0, 0]. Outlines of areas run clockwise
 * and have a positive area. No value on the border of the field may be positive.
 */
export function outlines(field: Float32Array, columns: number): Point[][] {
  const next = segmentsOf(field, columns);
  const found: Point[][] = [];
  for (const start of next.keys()) {
    const outline: Point[] = [];
    for (let edge: number | undefined = start; edge !== undefined; ) {
      const following: number | undefined = next.get(edge);
      if (following !== undefined) outline.push(crossingOf(field, columns, edge));
      next.delete(edge);
      edge = following;
    }
    found.push(outline);
  }
  return found;
}

/** From each edge between two samples that an outline crosses to the next one. */
function segmentsOf(field: Float32Array, columns: number): Map<number, number> {
  const next = new Map<number, number>();
  const rows = field.length / columns;
  for (let y = 0; y + 1 < rows; y++) {
    for (let x = 0; x + 1 < columns; x++) {
      const corner = y * columns + x;
      // Clockwise from the top left; the edge at each index leads to the next corner.
      const corners = [corner, corner + 1, corner + columns + 1, corner + columns];
      const values = corners.map((index) => valueAt(field, index));
      const isInside = (index: number) => at(values, index % 4) > 0;
      const isJoined = values.reduce((sum, value) => sum + value, 0) > 0; // of two opposite corners that are inside
      const edges = [2 * corner, 2 * (corner + 1) + 1, 2 * (corner + columns), 2 * corner + 1];
      for (let leaving = 0; leaving < 4; leaving++) {
        if (!isInside(leaving) || isInside(leaving + 1)) continue;
        const turns = isJoined ? [1, 2, 3] : [3, 2, 1];
        const entering = turns.map((turn) => (leaving + turn) % 4).find((index) => !isInside(index) && isInside(index + 1));
        if (entering !== undefined) next.set(at(edges, leaving), at(edges, entering));
      }
    }
  }
  return next;
}

/** Where the field is 0 between the two samples of an edge. An even edge leads to the right, an odd one down. */
function crossingOf(field: Float32Array, columns: number, edge: number): Point {
  const from = Math.floor(edge / 2);
  const isDown = edge % 2 === 1;
  const [start, end] = [valueAt(field, from), valueAt(field, isDown ? from + columns : from + 1)];
  const share = start / (start - end);
  const [x, y] = [from % columns, Math.floor(from / columns)];
  return isDown ? [x, y + share] : [x + share, y];
}

// The time grows with the square of the points: 100,000 of a mask of noise would take hours. An object of 500 x 500 samples has 2,000.
const TRACED_MAX = 4_000;

/**
 * The fewest points that stay within the tolerance, which grows until there are at most `pointsMax`. In an outline of more than TRACED_MAX
 * points, only every second, third and so on counts.
 */
export function simplified(traced: readonly Point[], tolerance: number, pointsMax: number): Point[] {
  const step = Math.ceil(traced.length / TRACED_MAX);
  const outline = step > 1 ? traced.filter((_, index) => index % step === 0) : traced;
  for (let allowed = tolerance; ; allowed *= 1.5) {
    const points = withinTolerance(outline, allowed);
    if (points.length <= pointsMax) return points;
  }
}

function withinTolerance(outline: readonly Point[], tolerance: number): Point[] {
  if (outline.length < 4) return [...outline];
  const start = at(outline, 0);
  const middle = farthest(outline, (point) => distance(point, start)).index;
  const there = keptBetween(outline.slice(0, middle + 1), tolerance);
  const back = keptBetween([...outline.slice(middle), start], tolerance);
  return [...there.slice(0, -1), ...back.slice(0, -1)];
}

/** The first and last point, and those between that are needed. */
function keptBetween(line: readonly Point[], tolerance: number): Point[] {
  const [start, end] = [at(line, 0), at(line, line.length - 1)];
  const { index, value } = farthest(line, (point) => distanceToLine(point, start, end));
  if (value <= tolerance) return [start, end];
  return [...keptBetween(line.slice(0, index + 1), tolerance).slice(0, -1), ...keptBetween(line.slice(index), tolerance)];
}

function farthest(points: readonly Point[], measure: (point: Point) => number): { index: number; value: number } {
  let [index, value] = [0, 0];
  points.forEach((point, position) => {
    const measured = measure(point);
    if (measured > value) [index, value] = [position, measured];
  });
  return { index, value };
}

function distanceToLine(point: Point, start: Point, end: Point): number {
  const length = distance(start, end);
  if (length === 0) return distance(point, start);
  const [[x, y], [fromX, fromY], [toX, toY]] = [point, start, end];
  return Math.abs((toX - fromX) * (fromY - y) - (fromX - x) * (toY - fromY)) / length;
}

function distance([ax, ay]: Point, [bx, by]: Point): number {
  return Math.hypot(bx - ax, by - ay);
}

function valueAt(values: Float32Array, index: number): number {
  const value = values[index];
  if (value === undefined) throw new RangeError(`Sample ${index} does not exist among ${values.length}.`);
  return value;
}
