// The smallest rectangle around points, at any angle, in pixels of an image: x to the right, y down, angles clockwise. Pure.
import { at } from '../../../contract/at.ts';

export interface Point {
  x: number;
  y: number;
}

export interface Rectangle {
  /** The center. */
  x: number;
  y: number;
  /** Along the angle. */
  width: number;
  height: number;
  /** The direction of the width, in degrees clockwise from the x axis: over -180, at most 180. */
  angle: number;
}

/**
 * The rectangle of the smallest area, with an angle from -45 (exclusive) to 45 degrees. One of its sides lies on a side of the convex
 * hull: https://en.wikipedia.org/wiki/Minimum_bounding_box_algorithms. `null` if the points lie on one line.
 */
export function smallestRectangle(points: readonly Point[]): Rectangle | null {
  const hull = convexHull(points);
  let best: Rectangle | null = null;
  hull.forEach((from, index) => {
    const to = at(hull, (index + 1) % hull.length);
    const rectangle = rectangleAlong(hull, Math.atan2(to.y - from.y, to.x - from.x));
    if (best === null || rectangle.width * rectangle.height < best.width * best.height) best = rectangle;
  });
  return hull.length < 3 ? null : best;
}

/** The same area, turned clockwise about its center by a multiple of 90 degrees. */
export function turned({ x, y, width, height, angle }: Rectangle, quarters: number): Rectangle {
  const isUpright = quarters % 2 === 0;
  return {
    x,
    y,
    width: isUpright ? width : height,
    height: isUpright ? height : width,
    angle: normalized(angle + 90 * quarters),
  };
}

/** The same area with its width along its longer side, and its angle over -90, at most 90. */
export function lengthwise(rectangle: Rectangle): Rectangle {
  if (rectangle.width >= rectangle.height) return rectangle;
  return turned(rectangle, rectangle.angle > 0 ? -1 : 1);
}

/** Grown by the margin on every side. */
export function grown({ x, y, width, height, angle }: Rectangle, margin: number): Rectangle {
  return { x, y, width: width + 2 * margin, height: height + 2 * margin, angle };
}

/** Clockwise from the corner that is at the top left if the rectangle is turned back by its angle. */
export function cornersOf({ x, y, width, height, angle }: Rectangle): [Point, Point, Point, Point] {
  const [cos, sin] = [Math.cos(radians(angle)), Math.sin(radians(angle))];
  const corner = (along: number, across: number): Point => ({
    x: x + along * cos - across * sin,
    y: y + along * sin + across * cos,
  });
  const [along, across] = [width / 2, height / 2];
  return [corner(-along, -across), corner(along, -across), corner(along, across), corner(-along, across)];
}

/** Where the rectangle begins and ends along a direction, in degrees. */
export function extentAlong(rectangle: Rectangle, angle: number): readonly [start: number, end: number] {
  const [cos, sin] = [Math.cos(radians(angle)), Math.sin(radians(angle))];
  const along = cornersOf(rectangle).map(({ x, y }) => x * cos + y * sin);
  return [Math.min(...along), Math.max(...along)];
}

/** Between two directions that may point either way: 0 to 90 degrees. */
export function axisAngleBetween(a: number, b: number): number {
  const difference = Math.abs(a - b) % 180;
  return Math.min(difference, 180 - difference);
}

/** Clockwise in pixels of an image, without points on its sides (Andrew's monotone chain). */
function convexHull(points: readonly Point[]): Point[] {
  const sorted = points.toSorted((a, b) => a.x - b.x || a.y - b.y);
  const lower = chain(sorted);
  const upper = chain(sorted.toReversed());
  return [...lower.slice(0, -1), ...upper.slice(0, -1)];
}

function chain(points: readonly Point[]): Point[] {
  const kept: Point[] = [];
  for (const point of points) {
    while (kept.length >= 2 && !turnsLeft(at(kept, kept.length - 2), at(kept, kept.length - 1), point)) kept.pop();
    kept.push(point);
  }
  return kept;
}

function turnsLeft(a: Point, b: Point, c: Point): boolean {
  return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x) > 0;
}

function rectangleAlong(hull: readonly Point[], direction: number): Rectangle {
  const quarter = Math.PI / 2;
  const angle = direction - quarter * Math.round(direction / quarter);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const along = hull.map(({ x, y }) => x * cos + y * sin);
  const across = hull.map(({ x, y }) => y * cos - x * sin);
  const [left, right] = [Math.min(...along), Math.max(...along)];
  const [top, bottom] = [Math.min(...across), Math.max(...across)];
  const [middle, center] = [(left + right) / 2, (top + bottom) / 2];
  return {
    x: middle * cos - center * sin,
    y: middle * sin + center * cos,
    width: right - left,
    height: bottom - top,
    angle: (angle * 180) / Math.PI,
  };
}

function normalized(angle: number): number {
  const rest = angle % 360;
  if (rest > 180) return rest - 360;
  return rest <= -180 ? rest + 360 : rest;
}

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180;
}
