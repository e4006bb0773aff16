// Slanted lines of text: where a line begins and ends, at which sides of its tile, and whether two readings lie in one line. Pure.
import { at } from '../../contract/at.ts';
import type { Box, Polygon } from '../../contract/schemas.ts';
import { ANGLE_TOLERANCE, angleBetween } from '../../outlines/polygons.ts';
import { SIDE } from '../box-columns.ts';
import { type DetectionTable, EDGE_MARGIN_PX } from '../detection-table.ts';

type Point = Polygon[number];

/** A line of text in its direction. */
export interface DirectedLine {
  /** In degrees clockwise from the x axis. */
  angle: number;
  /** The middles of its ends. */
  start: Point;
  end: Point;
  thickness: number;
}

/** The sides of the tile at which a line begins and ends: sums of SIDE. */
export interface EndSides {
  start: number;
  end: number;
}

/** The ends of two readings of one line lie this close to it, in thicknesses. */
const OFF_LINE_MAX = 0.5;

/** True if the line is an oriented box. */
export function isSlanted(table: DetectionTable, row: number): boolean {
  return table.isText(row) && table.detection(row).angle !== undefined;
}

/** In pixels of the image. A line along the axes is taken to read to the right or, if it is higher than wide, downwards. */
export function directedLine(table: DetectionTable, row: number): DirectedLine {
  const outline = isSlanted(table, row) ? table.outline(row) : null;
  if (outline) {
    const [origin, right, opposite, below] = [at(outline, 0), at(outline, 1), at(outline, 2), at(outline, 3)];
    const [start, end] = [middle(origin, below), middle(right, opposite)];
    return { angle: degreesBetween(start, end), start, end, thickness: distance(origin, below) };
  }
  const [x, y] = [(table.left(row) + table.right(row)) / 2, (table.top(row) + table.bottom(row)) / 2];
  return table.height(row) > table.width(row)
    ? { angle: 90, start: [x, table.top(row)], end: [x, table.bottom(row)], thickness: table.width(row) }
    : { angle: 0, start: [table.left(row), y], end: [table.right(row), y], thickness: table.height(row) };
}

/** In pixels of the image: the shorter side of the line. */
export function thicknessOf(table: DetectionTable, row: number): number {
  return isSlanted(table, row) ? directedLine(table, row).thickness : Math.min(table.width(row), table.height(row));
}

/**
 * The sides of the tile near which a slanted line begins and ends. After a space it may continue, so an end counts if it is closer than
 * the line is thick.
 */
export function endSides(polygon: Polygon, angle: number, [left, top, width, height]: Box, edgeMarginPx: number): EndSides {
  const thickness = distance(at(polygon, 0), at(polygon, 3));
  const [reachX, reachY] = direction(angle).map((share) => edgeMarginPx + thickness * Math.abs(share)) as [number, number];
  const sidesNear = (corners: readonly Point[]): number =>
    (corners.some(([x]) => x <= left + reachX) ? SIDE.left : 0) |
    (corners.some(([, y]) => y <= top + reachY) ? SIDE.top : 0) |
    (corners.some(([x]) => x >= left + width - reachX) ? SIDE.right : 0) |
    (corners.some(([, y]) => y >= top + height - reachY) ? SIDE.bottom : 0);
  return { start: sidesNear([at(polygon, 0), at(polygon, 3)]), end: sidesNear([at(polygon, 1), at(polygon, 2)]) };
}

/** True if a tile edge may cut the line where it starts or ends. A line along the axes reads to the right. */
export function isCutAt(table: DetectionTable, row: number, end: keyof EndSides): boolean {
  const { angle } = table.detection(row);
  const outline = isSlanted(table, row) ? table.outline(row) : null;
  const { box, level } = table.tile(row);
  const edgeMarginPx = EDGE_MARGIN_PX * 2 ** level;
  if (outline && angle !== undefined) return (table.truncatedSides(row) & endSides(outline, angle, box, edgeMarginPx)[end]) !== 0;
  return end === 'start'
    ? (table.truncatedSides(row) & SIDE.left) !== 0 && table.left(row) <= box[0] + edgeMarginPx
    : (table.truncatedSides(row) & SIDE.right) !== 0 && table.right(row) >= box[0] + box[2] - edgeMarginPx;
}

/** Where a line begins and ends along a direction. */
export function extentAlong({ start, end }: DirectedLine, angle: number): readonly [from: number, to: number] {
  const [cos, sin] = direction(angle);
  const [from, to] = [start, end].map(([x, y]) => x * cos + y * sin) as [number, number];
  return [Math.min(from, to), Math.max(from, to)];
}

/** True if `after` continues `before`: at the same angle, in one line, beginning before it ends or soon after. */
export function continues(before: DirectedLine, after: DirectedLine): boolean {
  if (angleBetween(before.angle, after.angle) > ANGLE_TOLERANCE) return false;
  const [, endBefore] = extentAlong(before, before.angle);
  const [startAfter] = extentAlong(after, before.angle);
  if (startAfter - endBefore > Math.max(before.thickness, after.thickness)) return false;
  const seam = middle(before.end, after.start);
  const offLineMax = OFF_LINE_MAX * Math.min(before.thickness, after.thickness);
  return offLine(seam, before) < offLineMax && offLine(seam, after) < offLineMax;
}

/** True if the shorter line lies in the longer one, in whichever direction it reads. */
export function isSameLine(a: DirectedLine, b: DirectedLine): boolean {
  const [longer, shorter] = distance(a.start, a.end) >= distance(b.start, b.end) ? [a, b] : [b, a];
  const offLineMax = OFF_LINE_MAX * Math.max(a.thickness, b.thickness);
  return offLine(shorter.start, longer) < offLineMax && offLine(shorter.end, longer) < offLineMax;
}

/** The distance of a point from the endless line through a line of text. */
function offLine([x, y]: Point, { start, end }: DirectedLine): number {
  const area = (end[0] - start[0]) * (y - start[1]) - (end[1] - start[1]) * (x - start[0]);
  return Math.abs(area) / distance(start, end);
}

function direction(angle: number): readonly [cos: number, sin: number] {
  return [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
}

function degreesBetween([x, y]: Point, [toX, toY]: Point): number {
  return (Math.atan2(toY - y, toX - x) * 180) / Math.PI;
}

function middle([ax, ay]: Point, [bx, by]: Point): Point {
  return [(ax + bx) / 2, (ay + by) / 2];
}

function distance([ax, ay]: Point, [bx, by]: Point): number {
  return Math.hypot(ax - bx, ay - by);
}
