// Geometry of polygons: areas, intersection and oriented boxes. Corners are [x, y], with y downwards. Pure.
import { at } from '../contract/at.ts';
import type { Box, Polygon } from '../contract/schemas.ts';

export type Point = readonly [x: number, y: number];
/** The corners of a polygon, in order. */
export type Corners = readonly Point[];

/** Parts of one oriented box, cut between tiles, differ at most this much, in degrees. */
export const ANGLE_TOLERANCE = 5;

export function cornersOf([left, top, width, height]: Box): Polygon {
  return [
    [left, top],
    [left + width, top],
    [left + width, top + height],
    [left, top + height],
  ];
}

export function polygonArea(polygon: Corners): number {
  return Math.abs(signedArea(polygon));
}

/** True if the corners run clockwise in the image, where y points down. */
export function isClockwise(polygon: Corners): boolean {
  return signedArea(polygon) >= 0;
}

/** By the shoelace formula; negative if the corners run counterclockwise in the image. */
export function signedArea(polygon: Corners): number {
  let twice = 0;
  for (const [index, [x, y]] of polygon.entries()) {
    const [nextX, nextY] = at(polygon, (index + 1) % polygon.length);
    twice += x * nextY - nextX * y;
  }
  return twice / 2;
}

/** The area that two convex, clockwise polygons share: the Sutherland-Hodgman algorithm clips `a` by each edge of `b` (1974). */
export function convexIntersection(a: Corners, b: Corners): number {
  let clipped: Corners = a;
  for (const [index, from] of b.entries()) {
    clipped = clippedByEdge(clipped, from, at(b, (index + 1) % b.length));
    if (clipped.length < 3) return 0;
  }
  return polygonArea(clipped);
}

/** The part of the polygon to the right of the edge, which is the inside of a clockwise polygon. */
function clippedByEdge(polygon: Corners, from: Point, to: Point): Corners {
  const inside = ([x, y]: Point) => (to[0] - from[0]) * (y - from[1]) - (to[1] - from[1]) * (x - from[0]);
  return polygon.flatMap((corner, index) => {
    const previous = at(polygon, (index + polygon.length - 1) % polygon.length);
    const [before, here] = [inside(previous), inside(corner)];
    const kept: Point[] = here >= 0 ? [corner] : [];
    return before * here < 0 ? [between(previous, corner, before / (before - here)), ...kept] : kept;
  });
}

export function between([x, y]: Point, [toX, toY]: Point, share: number): Point {
  return [x + (toX - x) * share, y + (toY - y) * share];
}

/** The smallest rectangle around the points whose first edge runs at `angle`, in degrees clockwise from the x axis. */
function orientedBoxAround(points: Corners, angle: number): Polygon {
  const [along, across] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
  const turned = points.map(([x, y]): Point => [x * along + y * across, y * along - x * across]);
  const [xs, ys] = [turned.map(([x]) => x), turned.map(([, y]) => y)];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const box: Box = [left, top, Math.max(...xs) - left, Math.max(...ys) - top];
  return cornersOf(box).map(([x, y]): Polygon[number] => [x * along - y * across, y * along + x * across]);
}

/**
 * The oriented box around parts of an object; `null` if a part is no oriented box within ANGLE_TOLERANCE of `angle`.
 */
export function orientedUnion(
  parts: readonly { polygon: Polygon | null; angle: number | undefined }[],
  angle: number,
): Polygon | null {
  const isPart = ({ angle: other }: (typeof parts)[number]) =>
    other !== undefined && angleBetween(other, angle) <= ANGLE_TOLERANCE;
  return parts.every(isPart)
    ? orientedBoxAround(
        parts.flatMap(({ polygon }) => polygon ?? []),
        angle,
      )
    : null;
}

/** The difference of two directions, from 0 to 180 degrees. */
export function angleBetween(a: number, b: number): number {
  const difference = Math.abs(a - b) % 360;
  return Math.min(difference, 360 - difference);
}
