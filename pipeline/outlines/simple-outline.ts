// Outlines that other programs accept: without repeated corners, and without edges that cross. Pure.
import { at } from '../contract/at.ts';
import type { Polygon } from '../contract/schemas.ts';
import { type Corners, type Point, polygonArea } from './polygons.ts';

/** In square pixels. Less is no area, but the rounding of one. */
const AREA_MIN = 1e-6;

/**
 * The same corners, each once in a row, in an order in which no two edges cross; `null` if they enclose no area. Tracing and simplifying a
 * mask may cross edges, and so may a model.
 */
export function simpleOutline(polygon: Polygon): Polygon | null {
  const corners = uncrossed(polygon.filter((corner, index) => !isSame(corner, at(polygon, (index + 1) % polygon.length))));
  return corners !== null && corners.length >= 3 && polygonArea(corners) >= AREA_MIN ? corners : null;
}

/**
 * Turns the corners between two crossing edges around, until no edges cross (2-opt). Each turn makes the outline shorter, so this ends;
 * `null` if rounding should make it longer.
 */
function uncrossed(polygon: Polygon): Polygon | null {
  const corners = [...polygon];
  for (let turns = 0; turns <= polygon.length ** 2; turns++) {
    const crossing = firstCrossing(corners);
    if (crossing === null) return corners;
    const [from, to] = crossing;
    corners.splice(from + 1, to - from, ...corners.slice(from + 1, to + 1).reverse());
  }
  return null;
}

/** The numbers of the first corners of two edges that cross; `null` if none do. */
function firstCrossing(corners: Corners): [number, number] | null {
  for (let one = 0; one < corners.length - 2; one++) {
    for (let other = one + 2; other < corners.length; other++) {
      const [a, b, c] = [at(corners, one), at(corners, one + 1), at(corners, other)];
      if (cross(a, b, c, at(corners, (other + 1) % corners.length))) return [one, other];
    }
  }
  return null;
}

/** Whether the edges from `a` to `b` and from `c` to `d` share a point that is an end of neither. */
function cross(a: Point, b: Point, c: Point, d: Point): boolean {
  return side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0;
}

function side([x, y]: Point, [toX, toY]: Point, [atX, atY]: Point): number {
  return Math.sign((toX - x) * (atY - y) - (toY - y) * (atX - x));
}

function isSame([x, y]: Point, [otherX, otherY]: Point): boolean {
  return x === otherX && y === otherY;
}
