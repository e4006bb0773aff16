// Geometry of boxes and polygons: areas, intersection, IoU and clipping. A box is [left, top, width, height] in one coordinate space; the
// corners of a polygon are [x, y], with y downwards. Pure.
import { at } from '../contract/at.ts';
import type { Box, Polygon } from '../contract/schemas.ts';

export interface Size {
  width: number;
  height: number;
}

/** Context around an object, on every side, as a share of its longer side: enough to show its surroundings. */
const CONTEXT_SHARE = 0.5;
const CONTEXT_MIN_PX = 64;

const areaOf = ([, , width, height]: Box): number => width * height;

/** The area that two boxes share; 0 if they do not intersect. */
export function intersectionOf(a: Box, b: Box): number {
  const width = Math.min(a[0] + a[2], b[0] + b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[1] + a[3], b[1] + b[3]) - Math.max(a[1], b[1]);
  return width > 0 && height > 0 ? width * height : 0;
}

/** Intersection over union: 0 if the boxes do not intersect, 1 if they are equal. */
export function iou(a: Box, b: Box): number {
  const intersection = intersectionOf(a, b);
  return intersection === 0 ? 0 : intersection / (areaOf(a) + areaOf(b) - intersection);
}

/** The part of a box inside `width` x `height`; `null` if the box lies outside. */
export function clippedTo(box: Box, width: number, height: number): Box | null {
  const left = Math.max(0, box[0]);
  const top = Math.max(0, box[1]);
  const right = Math.min(width, box[0] + box[2]);
  const bottom = Math.min(height, box[1] + box[3]);
  return right > left && bottom > top ? [left, top, right - left, bottom - top] : null;
}

/** A box with its surroundings, in whole pixels inside the image. Throws a RangeError if the result lies outside the image. */
export function withContext([left, top, width, height]: Box, image: Size): Box {
  const context = Math.max(CONTEXT_MIN_PX, Math.max(width, height) * CONTEXT_SHARE);
  const extended: Box = [left - context, top - context, width + 2 * context, height + 2 * context];
  const whole = wholePixels(extended, image);
  if (!whole) throw new RangeError(`The box [${left}, ${top}, ${width}, ${height}] lies outside the image.`);
  return whole;
}

/** The smallest box of whole pixels around `box`, inside the image; `null` if the box lies outside. */
export function wholePixels(box: Box, image: Size): Box | null {
  const left = Math.floor(box[0]);
  const top = Math.floor(box[1]);
  const whole: Box = [left, top, Math.ceil(box[0] + box[2]) - left, Math.ceil(box[1] + box[3]) - top];
  return clippedTo(whole, image.width, image.height);
}

type Point = Polygon[number];

/** Parts of one oriented box differ at most this much, in degrees. */
const ANGLE_TOLERANCE = 5;

export function cornersOf([left, top, width, height]: Box): Polygon {
  return [
    [left, top],
    [left + width, top],
    [left + width, top + height],
    [left, top + height],
  ];
}

export function polygonArea(polygon: Polygon): number {
  return Math.abs(signedArea(polygon));
}

/** True if the corners run clockwise in the image, where y points down. */
export function isClockwise(polygon: Polygon): boolean {
  return signedArea(polygon) >= 0;
}

/** By the shoelace formula. */
function signedArea(polygon: Polygon): number {
  let twice = 0;
  for (const [index, [x, y]] of polygon.entries()) {
    const [nextX, nextY] = at(polygon, (index + 1) % polygon.length);
    twice += x * nextY - nextX * y;
  }
  return twice / 2;
}

/** The area that two convex, clockwise polygons share: the Sutherland-Hodgman algorithm clips `a` by each edge of `b`. */
export function convexIntersection(a: Polygon, b: Polygon): number {
  let clipped: Polygon = a;
  for (const [index, from] of b.entries()) {
    clipped = clippedByEdge(clipped, from, at(b, (index + 1) % b.length));
    if (clipped.length < 3) return 0;
  }
  return polygonArea(clipped);
}

/** The part of the polygon to the right of the edge, which is the inside of a clockwise polygon. */
function clippedByEdge(polygon: Polygon, from: Point, to: Point): Polygon {
  const inside = ([x, y]: Point) => (to[0] - from[0]) * (y - from[1]) - (to[1] - from[1]) * (x - from[0]);
  return polygon.flatMap((corner, index) => {
    const previous = at(polygon, (index + polygon.length - 1) % polygon.length);
    const [before, here] = [inside(previous), inside(corner)];
    const kept: Point[] = here >= 0 ? [corner] : [];
    return before * here < 0 ? [between(previous, corner, before / (before - here)), ...kept] : kept;
  });
}

function between([x, y]: Point, [toX, toY]: Point, share: number): Point {
  return [x + (toX - x) * share, y + (toY - y) * share];
}

/** The smallest rectangle around the points whose first edge runs at `angle`, in degrees clockwise from the x axis. */
function orientedBoxAround(points: Polygon, angle: number): Polygon {
  const [along, across] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
  const turned = points.map(([x, y]): Point => [x * along + y * across, y * along - x * across]);
  const [xs, ys] = [turned.map(([x]) => x), turned.map(([, y]) => y)];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const box: Box = [left, top, Math.max(...xs) - left, Math.max(...ys) - top];
  return cornersOf(box).map(([x, y]): Point => [x * along - y * across, y * along + x * across]);
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
